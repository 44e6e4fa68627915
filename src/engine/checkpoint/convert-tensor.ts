import { setImmediate } from 'node:timers/promises';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PrunedTensor } from '../../core/ports/exporter.js';
import type { TensorDtype } from './checkpoint.js';
import { decodeInto, DTYPE_BYTES, DTYPE_LIMITS, encodeValues } from './dtype.js';

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
  return { ...tensor, dtype, read: async () => convertBytes(tensor, await tensor.read(), dtype) };
}

async function convertBytes(tensor: PrunedTensor, source: Uint8Array, dtype: TensorDtype): Promise<Uint8Array> {
  const [from, to] = [DTYPE_BYTES[tensor.dtype], DTYPE_BYTES[dtype]];
  const count = source.length / from;
  const converted = new Uint8Array(count * to);
  const values = new Float32Array(Math.min(count, SLICE_VALUES));
  for (let start = 0; start < count; start += SLICE_VALUES) {
    if (start > 0) await setImmediate();
    const slice = values.subarray(0, Math.min(SLICE_VALUES, count - start));
    decodeInto(slice, source.subarray(start * from, (start + slice.length) * from), tensor.dtype);
    const bad = slice.findIndex((value) => !(Math.abs(value) < DTYPE_LIMITS[dtype]));
    if (bad !== -1) throw outOfRange(tensor, dtype, start + bad, slice[bad] as number);
    converted.set(encodeValues(slice, dtype), start * to);
  }
  return converted;
}

function outOfRange({ name }: PrunedTensor, dtype: TensorDtype, index: number, value: number): PrunecastError {
  const wider = (['BF16', 'F32'] as const).filter((other) => Math.abs(value) < DTYPE_LIMITS[other]).join(' or ');
  return new PrunecastError(
    'VALUES_OUT_OF_RANGE',
    `${name}: the value at ${index} is ${value}, which ${dtype} cannot hold: write the output as ${wider}, or in the dtype of the checkpoint`,
    { metadata: { tensor: name, dtype, index: String(index), value: String(value) } },
  );
}
