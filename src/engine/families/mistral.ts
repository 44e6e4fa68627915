import { DECODER_NAMES } from './decoder-names.js';
import type { Family } from './family.js';

/** Mistral: no biases; a `sliding_window` shorter than the model's context is in use in every layer. */
export const MISTRAL: Family = {
  id: 'mistral',
  architecture: 'MistralForCausalLM',
  names: DECODER_NAMES,
  queryKeyNorms: false,
  defaults: { maxPositions: 131_072, headDim: undefined },
  readBiases: () => ({ queryKeyValue: false, attentionOutput: false, ffn: false }),
  stateStockForm: ({ biases }) =>
    (biases.queryKeyValue || biases.attentionOutput || biases.ffn
      ? undefined
      : { modelType: 'mistral', architecture: 'MistralForCausalLM', biases, entries: {}, loadsIn: ['transformers', 'vLLM'] }),
  findSlidingWindow: (config) => {
    // Configurations that lack the entry have transformers' default of 4096: the first releases (v0.1), which do use it.
    const window = config['sliding_window'] === undefined ? 4096 : config['sliding_window'];
    if (typeof window !== 'number') return undefined;
    const positions = config['max_position_embeddings'];
    return typeof positions === 'number' && window >= positions ? undefined : `sliding_window ${window}`;
  },
};
