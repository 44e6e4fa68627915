import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PrunedTensor } from '../../core/ports/exporter.js';
import type { TensorDtype } from './checkpoint.js';
import { convertBytes } from '../simd/kernels.js';
import { decodeInto, DTYPE_BYTES, DTYPE_LIMITS } from './dtype.js';
import { findNonFinite } from './read-values.js';

/**
 * The same tensor in another dtype, rounded to nearest, ties to even; the tensor itself if it has that dtype. It is read
 * and converted when the result is read.
 *
 * Reading throws VALUES_OUT_OF_RANGE for a value that would become infinite: of F16 from 65,520 on, as all below round
 * to 65,504 at most.
 */
export function convertTensor(tensor: PrunedTensor, dtype: TensorDtype): PrunedTensor {
  if (tensor.dtype === dtype) return tensor;
  return {
    ...tensor,
    dtype,
    read: async (rows) => {
      const columns = tensor.shape.slice(1).reduce((product, size) => product * size, 1);
      return convert(tensor, await tensor.read(rows), dtype, (rows?.first ?? 0) * columns);
    },
  };
}

/** @param first the place of the first value in the tensor */
function convert(tensor: PrunedTensor, source: Uint8Array, dtype: TensorDtype, first: number): Uint8Array {
  const from = DTYPE_BYTES[tensor.dtype];
  const converted = new Uint8Array((source.length / from) * DTYPE_BYTES[dtype]);
  convertBytes(source, tensor.dtype, converted, dtype);
  const bad = findNonFinite(converted, dtype);
  if (bad === -1) return converted;
  const value = new Float32Array(1);
  decodeInto(value, source.subarray(bad * from, (bad + 1) * from), tensor.dtype);
  throw outOfRange(tensor, dtype, first + bad, value[0] as number);
}

function outOfRange({ name }: PrunedTensor, dtype: TensorDtype, index: number, value: number): PrunecastError {
  const wider = (['BF16', 'F32'] as const).filter((other) => Math.abs(value) < DTYPE_LIMITS[other]).join(' or ');
  return new PrunecastError(
    'VALUES_OUT_OF_RANGE',
    `${name}: the value at ${index} is ${value}, which ${dtype} cannot hold: write the output as ${wider}, or in the dtype of the checkpoint`,
    { metadata: { tensor: name, dtype, index: String(index), value: String(value) } },
  );
}
