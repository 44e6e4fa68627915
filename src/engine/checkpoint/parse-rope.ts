import type { RopeConfig } from './config.js';
import { CONFIG_FILE, readPositive, readSize } from './config-fields.js';
import { malformed, show, unsupported } from './model-errors.js';
import { isRecord } from './read-json.js';

/** Longest context. Llama-4-Scout says 10,485,760. */
export const MAX_POSITIONS = 2 ** 26;

const DEFAULT_THETA = 10_000;

/**
 * Rotary embeddings in both spellings: `rope_parameters` with everything in it (transformers 5), or `rope_theta` beside
 * `rope_scaling` (null, or with its kind under `rope_type` or, older, `type`).
 *
 * Throws MODEL_UNSUPPORTED for kinds other than `default` and `llama3`, MODEL_MALFORMED for bad numbers.
 */
export function parseRope(config: Readonly<Record<string, unknown>>): RopeConfig {
  const key = config['rope_parameters'] === undefined || config['rope_parameters'] === null ? 'rope_scaling' : 'rope_parameters';
  const rope = config[key] ?? {};
  if (!isRecord(rope)) throw malformed(CONFIG_FILE, `${key} must be an object or null, not ${show(rope)}`);
  const path = `${key}.`;
  if (Object.values(rope).some(isRecord)) throw unsupported(CONFIG_FILE, key, `${key} differs from layer to layer; one for all layers is supported`);
  const partial = rope['partial_rotary_factor'] ?? config['partial_rotary_factor'] ?? 1;
  if (partial !== 1) throw unsupported(CONFIG_FILE, 'partial_rotary_factor', `partial_rotary_factor is ${show(partial)}; only 1 is supported`);
  const theta = rope['rope_theta'] === undefined ? readPositive(config, 'rope_theta', { fallback: DEFAULT_THETA }) : readPositive(rope, 'rope_theta', { path });
  const kind = rope['rope_type'] ?? rope['type'] ?? 'default';
  if (kind === 'default') return { theta, scaling: undefined };
  if (kind !== 'llama3') throw unsupported(CONFIG_FILE, `rope_type ${show(kind)}`, `rope_type ${show(kind)} in ${key} is not supported; default and llama3 are`);
  const scaling = {
    kind: 'llama3',
    factor: readPositive(rope, 'factor', { path }),
    lowFrequencyFactor: readPositive(rope, 'low_freq_factor', { path }),
    highFrequencyFactor: readPositive(rope, 'high_freq_factor', { path }),
    originalMaxPositions: readSize(rope, 'original_max_position_embeddings', { min: 1, max: MAX_POSITIONS }, path),
  } as const;
  if (scaling.highFrequencyFactor <= scaling.lowFrequencyFactor) {
    throw malformed(CONFIG_FILE, `${path}high_freq_factor is ${scaling.highFrequencyFactor}; it must be above low_freq_factor, ${scaling.lowFrequencyFactor}`);
  }
  return { theta, scaling };
}
