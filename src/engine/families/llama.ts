import { DECODER_NAMES } from './decoder-names.js';
import type { Family } from './family.js';

/** Llama 1 to 3 and what is built like them: `attention_bias` puts a bias on q, k, v and o, `mlp_bias` on gate, up and down. */
export const LLAMA: Family = {
  id: 'llama',
  architecture: 'LlamaForCausalLM',
  names: DECODER_NAMES,
  queryKeyNorms: false,
  defaults: { maxPositions: 2048, headDim: undefined },
  readBiases: (config) => {
    const attention = config['attention_bias'] === true;
    return { queryKeyValue: attention, attentionOutput: attention, ffn: config['mlp_bias'] === true };
  },
  stateBiases: (biases) => {
    const attention = biases.queryKeyValue || biases.attentionOutput;
    return {
      biases: { queryKeyValue: attention, attentionOutput: attention, ffn: biases.ffn },
      entries: { attention_bias: attention, mlp_bias: biases.ffn },
    };
  },
  findSlidingWindow: () => undefined,
};
