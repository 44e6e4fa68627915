import type { Architecture, ModelShape, NumberBytes } from '../../../core/model/shape.js';

/** Bytes of a number. */
export interface NumberWidths {
  /** In a matrix whose rows have so many, with its share of what is stored once a row. */
  readonly matrix: (inner: number) => number;
  /** In norms and biases. */
  readonly vector: number;
}

/** Bytes of a number in each tensor of an architecture. */
export function listNumberBytes(
  { hidden, headDim }: Pick<ModelShape, 'hidden' | 'headDim'>,
  architecture: Architecture,
  { matrix, vector }: NumberWidths,
): NumberBytes {
  const wide = matrix(hidden);
  return {
    embedding: wide,
    head: wide,
    finalNorm: vector,
    layers: architecture.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
      attentionNorm: vector,
      query: wide,
      key: wide,
      value: wide,
      output: matrix(kvHeads * queryHeadsPerKv * headDim),
      queryNorm: vector,
      keyNorm: vector,
      queryBias: vector,
      keyBias: vector,
      valueBias: vector,
      outputBias: vector,
      ffnNorm: vector,
      gate: wide,
      up: wide,
      down: matrix(ffnChannels),
      gateBias: vector,
      upBias: vector,
      downBias: vector,
      outputLeft: vector,
      downLeft: vector,
    })),
  };
}
