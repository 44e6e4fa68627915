import { CONFIG_FILE } from '../files/file-names.js';
import { malformed, show, unsupported } from '../files/model-errors.js';
import { isRecord } from '../files/read-json.js';
import { readNumber, readSize, type NumberBounds } from './config-fields.js';
import type { RopeConfig, RopeScaling, YarnRopeScaling } from './config.js';

/** Longest context. Llama-4-Scout has 10,485,760. */
export const MAX_POSITIONS = 2 ** 26;

const DEFAULT_THETA = 10_000;

/**
 * Real values go from 1e4 (Llama 1) to about 1e9. At 1 all frequencies are equal, and yarn divides by its logarithm.
 */
const THETA: NumberBounds = { min: 2, max: 1e12 };

/** How many times longer texts become; real values go from 1 to 128. */
const FACTOR: NumberBounds = { min: 1, max: 1e6 };

/** Turns within the original context; 1 to 4 in Llama 3.1, 1 to 32 in yarn. */
const TURNS: NumberBounds = { min: 1e-3, max: 1e6 };

/** 0.1 ln(factor) + 1 in yarn: at most 2.4 with the factors allowed. */
const ATTENTION_FACTOR: NumberBounds = { min: 1e-3, max: 1e3 };

/** 0.707 and 1 in DeepSeek; 0 counts as missing, as in transformers. */
const MSCALE: NumberBounds = { min: 0, max: 100 };

/** What a scaling takes from the rest of config.json. */
export interface RopeContext {
  readonly headDim: number;
  readonly maxPositions: number;
}

/**
 * Reads rotary embeddings in both spellings: `rope_parameters` with everything in it (transformers 5), or `rope_theta`
 * beside `rope_scaling` (null, or an object with its kind under `rope_type` or, in older files, `type`). If both have
 * entries, `rope_scaling` counts, as in transformers.
 *
 * Throws MODEL_UNSUPPORTED for kinds that the engine lacks, MODEL_MALFORMED for bad numbers.
 */
export function parseRope(config: Readonly<Record<string, unknown>>, context: RopeContext): RopeConfig {
  const key = isEmpty(config['rope_scaling']) ? 'rope_parameters' : 'rope_scaling';
  const rope = config[key] ?? {};
  if (!isRecord(rope)) throw malformed(CONFIG_FILE, `${key} must be an object or null, not ${show(rope)}`);
  const path = `${key}.`;
  if (Object.values(rope).some(isRecord))
    throw unsupported(CONFIG_FILE, key, `${key} differs from layer to layer; only one for all layers is supported`);
  const partial = rope['partial_rotary_factor'] ?? config['partial_rotary_factor'] ?? 1;
  if (partial !== 1)
    throw unsupported(
      CONFIG_FILE,
      'partial_rotary_factor',
      `partial_rotary_factor is ${show(partial)}; only 1 is supported`,
    );
  const theta =
    rope['rope_theta'] === undefined
      ? readNumber(config, 'rope_theta', { ...THETA, fallback: DEFAULT_THETA })
      : readNumber(rope, 'rope_theta', THETA, path);
  const kind = rope['rope_type'] ?? rope['type'] ?? 'default';
  if (kind === 'default') return { theta, scaling: undefined };
  const read =
    typeof kind === 'string' && Object.hasOwn(SCALINGS, kind) ? SCALINGS[kind as RopeScaling['kind']] : undefined;
  if (read === undefined) {
    const known = ['default', ...Object.keys(SCALINGS)].join(', ');
    throw unsupported(
      CONFIG_FILE,
      `rope_type ${show(kind)}`,
      `rope_type ${show(kind)} in ${key} is not supported; supported are ${known}`,
    );
  }
  return { theta, scaling: read({ rope, path, config, context }) };
}

interface ScalingEntries {
  readonly rope: Readonly<Record<string, unknown>>;
  /** Path of the object in config.json, for messages. */
  readonly path: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly context: RopeContext;
}

const SCALINGS: Readonly<Record<RopeScaling['kind'], (entries: ScalingEntries) => RopeScaling>> = {
  linear: ({ rope, path }) => ({ kind: 'linear', factor: readNumber(rope, 'factor', FACTOR, path) }),
  dynamic: ({ rope, path, context: { headDim, maxPositions } }) => {
    // theta grows by a power of head_dim / (head_dim - 2).
    if (headDim <= 2) throw malformed(CONFIG_FILE, `head_dim is ${headDim}; rope_type dynamic needs one above 2`);
    return { kind: 'dynamic', factor: readNumber(rope, 'factor', FACTOR, path), originalMaxPositions: maxPositions };
  },
  yarn: readYarn,
  llama3: (entries) => {
    const { rope, path } = entries;
    const scaling = {
      kind: 'llama3',
      factor: readNumber(rope, 'factor', FACTOR, path),
      lowFrequencyFactor: readNumber(rope, 'low_freq_factor', TURNS, path),
      highFrequencyFactor: readNumber(rope, 'high_freq_factor', TURNS, path),
      originalMaxPositions: readOriginalPositions(entries),
    } as const;
    if (scaling.highFrequencyFactor <= scaling.lowFrequencyFactor) {
      throw malformed(
        CONFIG_FILE,
        `${path}high_freq_factor is ${scaling.highFrequencyFactor}; it must be above low_freq_factor, ${scaling.lowFrequencyFactor}`,
      );
    }
    return scaling;
  },
};

/** A factor of null means max_position_embeddings divided by the positions of the original context. */
function readYarn(entries: ScalingEntries): YarnRopeScaling {
  const { rope, path, context } = entries;
  const originalMaxPositions = readOriginalPositions(entries);
  const ratio = rope['factor'] === null ? { fallback: context.maxPositions / originalMaxPositions } : {};
  const factor = readNumber(rope, 'factor', { ...FACTOR, ...ratio }, path);
  const betaFast = readNumber(rope, 'beta_fast', { ...TURNS, fallback: 32 }, path);
  const betaSlow = readNumber(rope, 'beta_slow', { ...TURNS, fallback: 1 }, path);
  if (betaFast < betaSlow)
    throw malformed(CONFIG_FILE, `${path}beta_fast is ${betaFast}; it must be at least beta_slow, ${betaSlow}`);
  const mscale = readNumber(rope, 'mscale', { ...MSCALE, fallback: 0 }, path);
  const mscaleAllDim = readNumber(rope, 'mscale_all_dim', { ...MSCALE, fallback: 0 }, path);
  const usual =
    mscale > 0 && mscaleAllDim > 0
      ? growTemperature(factor, mscale) / growTemperature(factor, mscaleAllDim)
      : growTemperature(factor, 1);
  const attentionFactor = readNumber(rope, 'attention_factor', { ...ATTENTION_FACTOR, fallback: usual }, path);
  const truncate = rope['truncate'] ?? true;
  if (typeof truncate !== 'boolean')
    throw malformed(CONFIG_FILE, `${path}truncate is ${show(truncate)}; true and false are allowed`);
  return {
    kind: 'yarn',
    factor,
    attentionFactor,
    betaFast,
    betaSlow,
    originalMaxPositions,
    ramp: truncate ? 'whole' : 'exact',
  };
}

/** sqrt(1/t) of the paper: 0.1 ln(s) + 1, with the logarithm weighted as in DeepSeek. */
function growTemperature(factor: number, weight: number): number {
  return 0.1 * weight * Math.log(factor) + 1;
}

/** An entry beside the object comes first; without any, it is the model's context, as in transformers. */
function readOriginalPositions({ rope, path, config, context }: ScalingEntries): number {
  const key = 'original_max_position_embeddings';
  const bounds = { min: 1, max: MAX_POSITIONS, fallback: context.maxPositions };
  return (config[key] ?? undefined) === undefined ? readSize(rope, key, bounds, path) : readSize(config, key, bounds);
}

function isEmpty(entry: unknown): boolean {
  return entry === undefined || entry === null || (isRecord(entry) && Object.keys(entry).length === 0);
}
