import { setImmediate } from 'node:timers/promises';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PrunedTensor } from '../../core/ports/exporter.js';
import type { TensorDtype } from './checkpoint.js';
import { decodeInto, DTYPE_BYTES, DTYPE_LIMITS, encodeValues, listHalvesOf } from './dtype.js';
import { findNonFinite } from './read-values.js';

/** Values converted in one turn of the event loop; it takes a few milliseconds at most. */
const SLICE_VALUES = 256 * 1024;

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
      return convertBytes(tensor, await tensor.read(rows), dtype, (rows?.first ?? 0) * columns);
    },
  };
}

/** @param first the place of the first value in the tensor */
async function convertBytes(
  tensor: PrunedTensor,
  source: Uint8Array,
  dtype: TensorDtype,
  first: number,
): Promise<Uint8Array> {
  const [from, to] = [DTYPE_BYTES[tensor.dtype], DTYPE_BYTES[dtype]];
  const count = source.length / from;
  const converted = new Uint8Array(count * to);
  for (let start = 0; start < count; start += SLICE_VALUES) {
    if (start > 0) await setImmediate();
    const slice = source.subarray(start * from, (start + SLICE_VALUES) * from);
    const encoded = encode(slice, tensor.dtype, dtype);
    const bad = findNonFinite(encoded, dtype);
    if (bad !== -1) {
      const value = new Float32Array(1);
      decodeInto(value, slice.subarray(bad * from, (bad + 1) * from), tensor.dtype);
      throw outOfRange(tensor, dtype, first + start + bad, value[0] as number);
    }
    converted.set(encoded, start * to);
  }
  return converted;
}

function encode(source: Uint8Array, from: TensorDtype, to: TensorDtype): Uint8Array {
  const count = source.length / DTYPE_BYTES[from];
  if (from === 'F32' || to === 'F32') {
    const values = new Float32Array(count);
    decodeInto(values, source, from);
    return to === 'F32' ? new Uint8Array(values.buffer) : encodeValues(values, to);
  }
  const table = listHalvesOf(from, to); // several times as fast as the arithmetic
  const aligned = source.byteOffset % 2 === 0 ? source : source.slice();
  const bits = new Uint16Array(aligned.buffer, aligned.byteOffset, count);
  const encoded = new Uint16Array(count);
  for (let i = 0; i < count; i += 1) encoded[i] = table[bits[i] as number] as number;
  return new Uint8Array(encoded.buffer);
}

function outOfRange({ name }: PrunedTensor, dtype: TensorDtype, index: number, value: number): PrunecastError {
  const wider = (['BF16', 'F32'] as const).filter((other) => Math.abs(value) < DTYPE_LIMITS[other]).join(' or ');
  return new PrunecastError(
    'VALUES_OUT_OF_RANGE',
    `${name}: the value at ${index} is ${value}, which ${dtype} cannot hold: write the output as ${wider}, or in the dtype of the checkpoint`,
    { metadata: { tensor: name, dtype, index: String(index), value: String(value) } },
  );
}
