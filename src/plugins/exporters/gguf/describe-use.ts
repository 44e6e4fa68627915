import type { CardFacts } from '../folder/model-card.js';
import { GGUF_FILE } from './write-gguf.js';

/** What a card says of a file for llama.cpp, and the lines of JavaScript that generate with it. */
export function describeUse(hasChatTemplate: boolean): Pick<CardFacts, 'library' | 'tags' | 'use'> {
  const code = [
    "import { getLlama, LlamaCompletion } from 'node-llama-cpp';",
    '',
    'const runtime = await getLlama();',
    `const model = await runtime.loadModel({ modelPath: '${GGUF_FILE}' });`,
    'const context = await model.createContext();',
    'const completion = new LlamaCompletion({ contextSequence: context.getSequence() });',
    'const greedy = { maxTokens: 20, temperature: 0, repeatPenalty: false };',
    "console.log(await completion.generateCompletion('Once upon a time', greedy));",
  ].join('\n');
  return {
    library: 'gguf',
    tags: [],
    use: `With the programs of llama.cpp, as [its own page](https://github.com/ggml-org/llama.cpp#quick-start) has them:

\`\`\`sh
llama-cli -m ${GGUF_FILE}
llama-server -m ${GGUF_FILE}
\`\`\`

With llama.cpp in Node:

\`\`\`js
${code}
\`\`\`

What else builds on llama.cpp loads the file too. It has the tokenizer${hasChatTemplate ? ' and the chat template' : ''} in it.`,
  };
}
