import { DECODER_NAMES } from './decoder-names.js';
import type { Family } from './family.js';
import { findWindowedLayers } from './window-layers.js';

/** Qwen2 and Qwen2.5: always a bias on q, k and v, never another. */
export const QWEN2: Family = {
  id: 'qwen2',
  architecture: 'Qwen2ForCausalLM',
  names: DECODER_NAMES,
  queryKeyNorms: false,
  defaults: { maxPositions: 32_768, headDim: undefined },
  readBiases: () => ({ queryKeyValue: true, attentionOutput: false, ffn: false }),
  stateBiases: (biases) =>
    (biases.attentionOutput || biases.ffn ? undefined : { biases: { queryKeyValue: true, attentionOutput: false, ffn: false }, entries: {} }),
  findSlidingWindow: findWindowedLayers,
};
