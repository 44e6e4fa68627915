import type { ModelShape } from '../../core/model/shape.js';

/** What config.json says, in one form for all its spellings. */
export interface ModelConfig {
  readonly shape: ModelShape;
  readonly rmsNormEpsilon: number;
  readonly rope: RopeConfig;
  readonly maxPositions: number;
  readonly bosTokenId: number | undefined;
}

/** Rotary embeddings: inverse frequencies follow from these ("RoFormer", arXiv 2104.09864). */
export interface RopeConfig {
  readonly theta: number;
  /** undefined for none. */
  readonly scaling: Llama3RopeScaling | undefined;
}

/** Llama 3.1's rescaling of low frequencies. */
export interface Llama3RopeScaling {
  readonly kind: 'llama3';
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalMaxPositions: number;
}
