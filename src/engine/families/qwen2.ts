import { readFlag } from '../config/config-fields.js';
import { DECODER_NAMES } from './decoder-names.js';
import type { Family } from './family.js';
import { readWindow, spreadWindow } from './window-layers.js';

/** transformers' own default of `max_window_layers`. */
const FIRST_WINDOWED = 28;

/** Qwen2 and Qwen2.5: always a bias on q, k and v, never another. */
export const QWEN2: Family = {
  id: 'qwen2',
  architecture: 'Qwen2ForCausalLM',
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
          // vLLM's Qwen2 takes hidden / heads for the size of a head, whatever head_dim says.
          loadsIn: hidden === queryHeads * headDim ? ['transformers', 'vLLM'] : ['transformers'],
        },
  // `use_sliding_window` puts it into use, in the layers from `max_window_layers` on where `layer_types` does not name them.
  readSlidingWindows: (config, layers) =>
    spreadWindow(
      config,
      layers,
      readFlag(config, 'use_sliding_window', { fallback: false }) ? readWindow(config) : undefined,
      FIRST_WINDOWED,
    ),
};
