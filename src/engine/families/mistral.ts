import { DECODER_NAMES } from './decoder-names.js';
import type { Family } from './family.js';
import { readWindow, spreadWindow } from './window-layers.js';

/** Mistral: no biases; a `sliding_window` is in use in every layer. */
export const MISTRAL: Family = {
  id: 'mistral',
  architecture: 'MistralForCausalLM',
  names: DECODER_NAMES,
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
