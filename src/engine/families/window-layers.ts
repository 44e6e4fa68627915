import type { RawConfig } from './family.js';

/**
 * Qwen's way to say that layers use a sliding window: `use_sliding_window`, for the layers from `max_window_layers` on,
 * or `layer_types` one by one. Returns the entry that puts one into use; undefined where none does.
 */
export function findWindowedLayers(config: RawConfig, layers: number): string | undefined {
  const types = config['layer_types'];
  if (Array.isArray(types)) {
    const other = types.find((type) => type !== 'full_attention');
    return other === undefined ? undefined : `layer_types with ${JSON.stringify(other)}`;
  }
  if (config['use_sliding_window'] !== true || config['sliding_window'] === null) return undefined;
  const from = config['max_window_layers'];
  return typeof from === 'number' && from >= layers ? undefined : 'use_sliding_window true';
}
