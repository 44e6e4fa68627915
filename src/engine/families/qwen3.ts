import { readFlag } from '../config/config-fields.js';
import { DECODER_NAMES, type Family } from './family.js';
import { readSwitchedWindows } from './window-layers.js';

/**
 * Qwen3: RMS norms on the heads of q and k, a head_dim independent of hidden / heads; `attention_bias` as in Llama, no
 * FFN bias.
 */
export const QWEN3: Family = {
  id: 'qwen3',
  architecture: 'Qwen3ForCausalLM',
  modelling: { classPrefix: 'Qwen3', module: 'qwen3', since: { version: '4.51', described: 'a Qwen3' } },
  llamaCpp: {
    name: 'qwen3',
    rotates: 'halves',
    heads: 'any',
    biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
    readsFrequencyFactors: false,
  },
  names: DECODER_NAMES,
  queryKeyNorms: true,
  defaults: { maxPositions: 32_768, headDim: 128 },
  readBiases: (config) => {
    const attention = readFlag(config, 'attention_bias', { fallback: false });
    return { queryKeyValue: attention, attentionOutput: attention, ffn: false };
  },
  stateStockForm: ({ biases }) => {
    if (biases.ffn) return undefined;
    const attention = biases.queryKeyValue || biases.attentionOutput;
    return {
      modelType: 'qwen3',
      architecture: 'Qwen3ForCausalLM',
      biases: { queryKeyValue: attention, attentionOutput: attention, ffn: false },
      entries: { attention_bias: attention },
      loadsIn: ['transformers', 'vLLM'],
    };
  },
  readSlidingWindows: readSwitchedWindows,
};
