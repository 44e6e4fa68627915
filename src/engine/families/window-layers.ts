import { readFlag, readSize } from '../config/config-fields.js';
import { MAX_POSITIONS } from '../config/parse-rope.js';
import { CONFIG_FILE } from '../files/file-names.js';
import { malformed, show, unsupported } from '../files/model-errors.js';
import type { RawConfig } from './family.js';

/** What transformers uses if config.json does not say; the first Mistral releases (v0.1) have it. */
const DEFAULT_WINDOW = 4096;

/** `sliding_window`; undefined if it is null. Throws MODEL_MALFORMED. */
export function readWindow(config: RawConfig): number | undefined {
  return config['sliding_window'] === null
    ? undefined
    : readSize(config, 'sliding_window', { min: 1, max: MAX_POSITIONS, fallback: DEFAULT_WINDOW });
}

/** What transformers uses if `max_window_layers` is missing. */
const FIRST_WINDOWED = 28;

/**
 * The window of each layer if `use_sliding_window` switches it on, from layer `max_window_layers`. Throws as
 * `spreadWindow` does.
 */
export function readSwitchedWindows(config: RawConfig, layers: number): (number | undefined)[] {
  const isOn = readFlag(config, 'use_sliding_window', { fallback: false });
  return spreadWindow(config, layers, isOn ? readWindow(config) : undefined, FIRST_WINDOWED);
}

/**
 * The window of each layer. If there are `layer_types`, they say which layers have it; otherwise all layers from
 * `max_window_layers` on have it. `firstWindowed` is used if config.json lacks that entry; if it is undefined, the
 * entry is ignored.
 *
 * Throws MODEL_UNSUPPORTED, MODEL_MALFORMED.
 */
export function spreadWindow(
  config: RawConfig,
  layers: number,
  window: number | undefined,
  firstWindowed?: number,
): (number | undefined)[] {
  const types = config['layer_types'];
  if (types !== undefined && types !== null) return readLayerTypes(types, layers, window);
  const first =
    firstWindowed === undefined || window === undefined
      ? 0
      : readSize(config, 'max_window_layers', { min: 0, max: Number.MAX_SAFE_INTEGER, fallback: firstWindowed });
  return Array.from({ length: layers }, (_, layer) => (layer >= first ? window : undefined));
}

function readLayerTypes(types: unknown, layers: number, window: number | undefined): (number | undefined)[] {
  if (!Array.isArray(types) || types.length !== layers) {
    throw malformed(
      CONFIG_FILE,
      `layer_types must have one entry for each of num_hidden_layers, ${layers}, not ${Array.isArray(types) ? types.length : show(types)}`,
    );
  }
  return types.map((type: unknown, layer) => {
    if (type === 'full_attention') return undefined;
    if (type !== 'sliding_attention')
      throw unsupported(
        CONFIG_FILE,
        `layer_types ${show(type)}`,
        `layer_types[${layer}] is ${show(type)}; only full_attention and sliding_attention are supported`,
      );
    if (window === undefined)
      throw malformed(
        CONFIG_FILE,
        `layer_types[${layer}] is sliding_attention, but no sliding_window is in use: set it, and set use_sliding_window to true if the family has that entry`,
      );
    return window;
  });
}
