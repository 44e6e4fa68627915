import type { StoredTensor } from '../../../engine/graph/write-onnx.js';
import type { MatrixType } from './matrix-type.js';

/** Neighbouring inputs of an output channel that share a scale in 8 bits. */
export const BLOCK = 32;

/** A tensor of a graph without its values. */
export type StoredForm = Pick<StoredTensor, 'name' | 'type' | 'shape'>;

/** A tensor of a checkpoint: a matrix [out, in], or a vector. */
interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What a graph stores of a tensor. Vectors are always float32. */
export function listStored(tensor: NamedShape, type: MatrixType): readonly StoredForm[] {
  const { name, shape } = tensor;
  if (shape.length === 1) return [{ name, type: 'float32', shape }];
  return type === 'int8' ? listQuantised(tensor) : [{ name, type, shape }];
}

/** Under which name a graph stores a matrix. */
export const storedName = (name: string, type: MatrixType): string => (type === 'int8' ? `${name}_Q8` : name);

/**
 * What is stored of a matrix in 8 bits: its values [out, ceil(in / 32), 32] and their scales [out, ceil(in / 32)], as
 * ONNX Runtime's MatMulNBits takes them, under the names that its own quantiser gives.
 */
export function listQuantised({ name, shape }: NamedShape): readonly [values: StoredForm, scales: StoredForm] {
  const [out = 0, inner = 0] = shape;
  const blocks = Math.ceil(inner / BLOCK);
  return [
    { name: storedName(name, 'int8'), type: 'uint8', shape: [out, blocks, BLOCK] },
    { name: `${name}_scales`, type: 'float32', shape: [out, blocks] },
  ];
}
