import type { ModelShape, NumberBytes } from '../../../core/model/shape.js';

/** Bytes of a number in each tensor, if all matrices are equally wide and all norms and biases are. */
export function listNumberBytes(
  { layers }: Pick<ModelShape, 'layers'>,
  { matrix, vector }: { readonly matrix: number; readonly vector: number },
): number | NumberBytes {
  if (matrix === vector) return vector;
  const layer = {
    attentionNorm: vector,
    query: matrix,
    key: matrix,
    value: matrix,
    output: matrix,
    queryNorm: vector,
    keyNorm: vector,
    queryBias: vector,
    keyBias: vector,
    valueBias: vector,
    outputBias: vector,
    ffnNorm: vector,
    gate: matrix,
    up: matrix,
    down: matrix,
    gateBias: vector,
    upBias: vector,
    downBias: vector,
    outputLeft: vector,
    downLeft: vector,
  };
  return { embedding: matrix, head: matrix, finalNorm: vector, layers: layers.map(() => layer) };
}
