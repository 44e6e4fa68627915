import type { ModelShape } from '../../core/model/shape.js';

/** What config.json says, in one form for all its spellings. */
export interface ModelConfig {
  readonly shape: ModelShape;
  readonly rmsNormEpsilon: number;
  readonly rope: RopeConfig;
  readonly maxPositions: number;
  /** For each layer, how many tokens a token sees, itself and the last before it; undefined where it sees all before it. */
  readonly slidingWindows: readonly (number | undefined)[];
  readonly bosTokenId: number | undefined;
}

/** Rotary embeddings: inverse frequencies follow from these ("RoFormer", arXiv 2104.09864). */
export interface RopeConfig {
  readonly theta: number;
  /** undefined for none. */
  readonly scaling: RopeScaling | undefined;
}

/** How the frequencies are changed so that a model takes longer texts than it was first trained on. */
export type RopeScaling = LinearRopeScaling | DynamicRopeScaling | YarnRopeScaling | Llama3RopeScaling;

/** Position interpolation (arXiv 2306.15595): all frequencies are divided by `factor`. */
export interface LinearRopeScaling {
  readonly kind: 'linear';
  readonly factor: number;
}

/** Dynamic NTK scaling: nothing up to `originalMaxPositions`; theta grows with the length of a longer sequence. */
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
  /** beta: frequencies that turn at least so often within the original context stay. */
  readonly betaFast: number;
  /** alpha: those that turn at most so often are divided by `factor`. */
  readonly betaSlow: number;
  readonly originalMaxPositions: number;
  /** Whether the ramp between the two begins and ends at whole pairs or anywhere. */
  readonly ramp: 'whole' | 'exact';
}

/** Llama 3.1's rescaling of low frequencies. */
export interface Llama3RopeScaling {
  readonly kind: 'llama3';
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalMaxPositions: number;
}
