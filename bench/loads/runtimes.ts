import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareLogits } from '../../src/core/compare-logits.js';
import { GRAPH_FILES, GRAPH_FOLDER } from '../../src/plugins/exporters/onnx/graph-files.js';
import { GGUF_FILE } from '../../src/plugins/exporters/gguf/write-gguf.js';
import { measureLlamaPerplexity, predictLlama, tokenizeLlama, withLlamaModel } from '../llama-cpp.js';
import { withOnnxDecoder } from '../onnx-decoder.js';
import { findLikeliest, measurePerplexity, type Answers, type Questions } from './engine-answers.js';
import { askTransformers } from './ask-transformers.js';
import type { Form, Found } from './forms.js';

/** The questions, the engine's answers, and where both lie for programs in other languages. */
export interface Asked extends Questions {
  readonly answers: Answers;
  readonly file: string;
  /** A text, and the tokens that the source's tokenizer finds in it. */
  readonly words: string;
  readonly wordTokens: Int32Array;
}

/** Loads an export with the software that it is for. */
export const RUNTIMES: Record<Form['exporter'], (directory: string, form: Form, asked: Asked) => Promise<Found>> = {
  hf: (directory, _form, asked) => askTransformers(directory, asked.file),
  gguf: (directory, _form, asked) =>
    withLlamaModel(join(directory, GGUF_FILE), async (model) => ({
      perplexity: await measureLlamaPerplexity(model, asked.windows),
      tokens: await predictLlama(model, asked.prompt, asked.tokens),
      otherTokens: countOthers(tokenizeLlama(model, asked.words), asked.wordTokens),
    })),
  onnx: (directory, { options: { dtype } }, asked) => {
    const file = GRAPH_FILES[dtype as keyof typeof GRAPH_FILES];
    return askOnnxRuntime(join(directory, GRAPH_FOLDER, file), asked);
  },
};

/** Writes what `askTransformers` reads. */
export async function writeAsked({ windows, prompt, tokens, file, answers }: Asked): Promise<void> {
  const logits = `${file}.logits`;
  await writeFile(
    logits,
    Buffer.concat(answers.logits.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength))),
  );
  await writeFile(file, JSON.stringify({ windows, prompt, tokens, logits }));
}

/** The greedy tokens come one at a time, each with the cache of those before. */
async function askOnnxRuntime(path: string, { windows, prompt, answers }: Asked): Promise<Found> {
  const { vocabulary, greedy } = answers;
  return withOnnxDecoder(path, async (decoder) => {
    const logits: Float32Array[] = [];
    for (const window of windows) logits.push(...(await decoder.run([window])));
    const given = [...prompt, ...greedy.slice(0, -1)]; // what is found after a wrong token is not compared
    const [stepwise = new Float32Array(0)] = await decoder.run(
      [given],
      [prompt.length, ...greedy.slice(1).map(() => 1)],
    );
    return {
      perplexity: measurePerplexity(windows, logits, vocabulary),
      logits: Math.max(
        ...answers.logits.map(
          (expected, window) => compareLogits(expected, logits[window] as Float32Array, vocabulary).most,
        ),
      ),
      tokens: greedy.map((_, index) => {
        const place = prompt.length - 1 + index;
        return findLikeliest(stepwise.subarray(place * vocabulary, (place + 1) * vocabulary));
      }),
    };
  });
}

function countOthers(found: readonly number[], expected: Int32Array): number {
  return Math.abs(found.length - expected.length) + found.filter((token, index) => token !== expected[index]).length;
}
