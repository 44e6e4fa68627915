import type { PrunedModel } from '../../../core/ports/exporter.js';
import type { CardFacts } from '../folder/model-card.js';

/** What a card says of a folder for transformers.js, and the lines of JavaScript that generate with it. */
export function describeUse(
  { shape }: Pick<PrunedModel, 'shape'>,
  { file, hasTokenizer }: { readonly file: string; readonly hasTokenizer: boolean },
): Pick<CardFacts, 'library' | 'tags' | 'use'> {
  const caches = shape.layers.filter(({ kvHeads }) => kvHeads > 0).length;
  const code = [
    "import { env, pipeline } from '@huggingface/transformers';",
    '',
    "env.localModelPath = '..'; // the folder that contains this one, which is called NAME",
    'env.allowRemoteModels = false; // without these two lines, by its name on the Hub',
    "const generate = await pipeline('text-generation', 'NAME');",
    "console.log(await generate('Once upon a time', { max_new_tokens: 20 }));",
  ].join('\n');
  return {
    library: 'transformers.js',
    tags: ['onnx'],
    use: `${hasTokenizer ? `\`\`\`js\n${code}\n\`\`\`` : 'There is no tokenizer here, which transformers.js needs: add `tokenizer.json` and `tokenizer_config.json`.'}

\`${file}\` is a decoder for ONNX Runtime in any language. Inputs: \`input_ids\`, \`attention_mask\` and \`position_ids\`, and for each of the ${caches} layers that have attention \`past_key_values.N.key\` and \`.value\`, [batch, heads, past, ${shape.headDim}], where past is 0 at first. Outputs: \`logits\`, and \`present.N.key\` and \`.value\`, the next past.`,
  };
}
