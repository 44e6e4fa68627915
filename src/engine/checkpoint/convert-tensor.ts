import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PrunedTensor } from '../../core/ports/exporter.js';
import type { TensorDtype } from './checkpoint.js';
import { convertBytes } from '../simd/kernels.js';
import type { SpareMemory } from './piece-memory.js';
import { deriveRows } from './derive-rows.js';
import { decodeInto, DTYPE_BYTES, DTYPE_LIMITS } from './dtype.js';
import { findNonFinite } from './read-values.js';

/**
 * The same tensor in another dtype, rounded to nearest, ties to even; the tensor itself if it has that dtype. It is read
 * and converted when the result is read.
 *
 * Reading throws VALUES_OUT_OF_RANGE for a value that would become infinite: of F16 from 65,520 on, as all below round
 * to 65,504 at most.
 *
 * @param spares for the values before, of this tensor and others
 */
export function convertTensor(tensor: PrunedTensor, dtype: TensorDtype, spares: SpareMemory): PrunedTensor {
  if (tensor.dtype === dtype) return tensor;
  const [rows = 1, ...rest] = tensor.shape;
  const columns = rest.reduce((product, size) => product * size, 1);
  const [from, to] = [DTYPE_BYTES[tensor.dtype], DTYPE_BYTES[dtype]];
  const convert = (source: Uint8Array, target: Uint8Array, first: number): void => {
    if (convertBytes(source, tensor.dtype, target, dtype)) return;
    const bad = findNonFinite(target, dtype);
    const value = new Float32Array(1);
    decodeInto(value, source.subarray(bad * from, (bad + 1) * from), tensor.dtype);
    throw outOfRange(tensor, dtype, first * columns + bad, value[0] as number);
  };
  const derived = { rows, fromBytes: columns * from, toBytes: columns * to, make: convert };
  return { ...tensor, dtype, read: deriveRows({ ...derived, read: (...part) => tensor.read(...part) }, spares) };
}

function outOfRange({ name }: PrunedTensor, dtype: TensorDtype, index: number, value: number): PrunecastError {
  const wider = (['BF16', 'F32'] as const).filter((other) => Math.abs(value) < DTYPE_LIMITS[other]).join(' or ');
  return new PrunecastError(
    'VALUES_OUT_OF_RANGE',
    `${name}: the value at ${index} is ${value}, which ${dtype} cannot hold: write the output as ${wider}, or in the dtype of the checkpoint`,
    { metadata: { tensor: name, dtype, index: String(index), value: String(value) } },
  );
}
