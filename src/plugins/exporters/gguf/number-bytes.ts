import type { ModelShape, NumberBytes } from '../../../core/model/shape.js';
import { GGUF_TYPES, type GgufType } from './write-gguf.js';

/** Bytes of a number in each tensor of a file, with its share of the step of a block: norms and biases are float32. */
export function listNumberBytes({ layers }: ModelShape, type: GgufType): number | NumberBytes {
  const { blockBytes, blockValues } = GGUF_TYPES[type];
  const matrix = blockBytes / blockValues;
  const vector = GGUF_TYPES.F32.blockBytes;
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
