import { DECODER_NAMES, type Family } from './family.js';
import { readWindow, spreadWindow } from './window-layers.js';

/** Mistral: no biases; a `sliding_window` applies to every layer. */
export const MISTRAL: Family = {
  id: 'mistral',
  architecture: 'MistralForCausalLM',
  modelling: { classPrefix: 'Mistral', module: 'mistral' },
  llamaCpp: {
    name: 'llama',
    rotates: 'neighbours',
    heads: 'any',
    biases: { queryKeyValue: true, attentionOutput: true, ffn: true },
    readsFrequencyFactors: true,
  },
  names: DECODER_NAMES,
  foreignForms: [
    {
      has: /^consolidated.*\.safetensors$/,
      is: (name) =>
        `it has ${name}, weights in Mistral's own form; take the model-*.safetensors and config.json of the same repository`,
    },
  ],
  queryKeyNorms: false,
  defaults: { maxPositions: 131_072, headDim: undefined },
  readBiases: () => ({ queryKeyValue: false, attentionOutput: false, ffn: false }),
  stateStockForm: ({ biases }) =>
    biases.queryKeyValue || biases.attentionOutput || biases.ffn
      ? undefined
      : {
          modelType: 'mistral',
          architecture: 'MistralForCausalLM',
          biases,
          entries: {},
          loadsIn: ['transformers', 'vLLM'],
        },
  readSlidingWindows: (config, layers) => spreadWindow(config, layers, readWindow(config)),
};
