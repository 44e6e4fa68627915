import { DECODER_NAMES, type Family } from './family.js';
import { readSwitchedWindows } from './window-layers.js';

/** Qwen2 and Qwen2.5: always a bias on q, k and v, never another. */
export const QWEN2: Family = {
  id: 'qwen2',
  architecture: 'Qwen2ForCausalLM',
  modelling: { classPrefix: 'Qwen2', module: 'qwen2' },
  llamaCpp: {
    name: 'qwen2',
    rotates: 'halves',
    heads: 'as wide as hidden',
    biases: { queryKeyValue: true, attentionOutput: false, ffn: false },
    readsFrequencyFactors: false,
  },
  names: DECODER_NAMES,
  queryKeyNorms: false,
  defaults: { maxPositions: 32_768, headDim: undefined },
  readBiases: () => ({ queryKeyValue: true, attentionOutput: false, ffn: false }),
  stateStockForm: ({ hidden, headDim, queryHeads, biases }) =>
    biases.attentionOutput || biases.ffn
      ? undefined
      : {
          modelType: 'qwen2',
          architecture: 'Qwen2ForCausalLM',
          biases: { queryKeyValue: true, attentionOutput: false, ffn: false },
          entries: {},
          // vLLM's Qwen2 uses hidden / heads as the size of a head, whatever head_dim says.
          loadsIn: hidden === queryHeads * headDim ? ['transformers', 'vLLM'] : ['transformers'],
        },
  readSlidingWindows: readSwitchedWindows,
};
