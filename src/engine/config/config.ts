import type { ModelShape } from '../../core/model/shape.js';

/** What config.json says, in one form for all its spellings. */
export interface ModelConfig {
  readonly shape: ModelShape;
  readonly rmsNormEpsilon: number;
  readonly rope: RopeConfig;
  readonly maxPositions: number;
  /** Per layer, how many tokens a token sees, counting itself and the last ones before it; undefined: all before it. */
  readonly slidingWindows: readonly (number | undefined)[];
  readonly bosTokenId: number | undefined;
  /** Each of them ends a text; some models have several, others none. */
  readonly endTokenIds: readonly number[];
}

/** Rotary embeddings; the inverse frequencies follow from these values ("RoFormer", arXiv 2104.09864). */
export interface RopeConfig {
  readonly theta: number;
  /** undefined: none. */
  readonly scaling: RopeScaling | FactorsRopeScaling | undefined;
}

/** How the frequencies are changed so that a model accepts longer texts than it was first trained on. */
export type RopeScaling = LinearRopeScaling | DynamicRopeScaling | YarnRopeScaling | Llama3RopeScaling;

/** Position interpolation (arXiv 2306.15595): all frequencies are divided by `factor`. */
export interface LinearRopeScaling {
  readonly kind: 'linear';
  readonly factor: number;
}

/** Dynamic NTK scaling: no change up to `originalMaxPositions`; for a longer sequence, theta grows with its length. */
export interface DynamicRopeScaling {
  readonly kind: 'dynamic';
  readonly factor: number;
  readonly originalMaxPositions: number;
}

/** "YaRN: Efficient Context Window Extension of Large Language Models" (arXiv 2309.00071). */
export interface YarnRopeScaling {
  readonly kind: 'yarn';
  /** s: low frequencies are divided by it. */
  readonly factor: number;
  /** sqrt(1/t): cosines and sines are multiplied by it. */
  readonly attentionFactor: number;
  /** beta: frequencies with at least this many turns within the original context stay. */
  readonly betaFast: number;
  /** alpha: frequencies with at most this many turns are divided by `factor`. */
  readonly betaSlow: number;
  readonly originalMaxPositions: number;
  /** Whether the ramp between the two begins and ends at whole pairs, or anywhere. */
  readonly ramp: 'whole' | 'exact';
}

/** The rescaling of low frequencies in Llama 3.1. */
export interface Llama3RopeScaling {
  readonly kind: 'llama3';
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalMaxPositions: number;
}

/** Another number for each pair, which its frequency is divided by: no config.json says so, GGUF files do. */
export interface FactorsRopeScaling {
  readonly kind: 'factors';
  readonly factors: Float32Array;
}
