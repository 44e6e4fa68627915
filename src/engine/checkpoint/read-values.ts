import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import { malformed } from '../files/model-errors.js';
import { readFully } from '../files/read-write.js';
import type { TensorDtype, TensorEntry } from './checkpoint.js';
import { hasNonFinite } from '../simd/kernels.js';
import { decodeInto, DTYPE_BYTES } from './dtype.js';

/** Values read in one turn of the event loop; it takes a few milliseconds to check and convert them. */
const SLICE_VALUES = 2 * 1024 * 1024;

/**
 * A tensor's values, row-major, as float32. They are read in slices, so that memory holds them once and the event loop
 * stays free.
 *
 * Throws MODEL_MALFORMED with the place of a NaN or infinite value: it would make every loss NaN.
 *
 * @param state whether that still has to be checked
 */
export async function readValues(
  handle: FileHandle,
  entry: TensorEntry,
  state: 'unknown' | 'known finite' = 'unknown',
): Promise<Float32Array> {
  const values = new Float32Array(entry.bytes / DTYPE_BYTES[entry.dtype]);
  if (entry.dtype === 'F32') {
    const bytes = new Uint8Array(values.buffer);
    await readFully(handle, bytes, entry.offset, entry.file);
    if (state === 'unknown') await requireAllFinite(bytes, entry);
    return values;
  }
  const width = DTYPE_BYTES[entry.dtype];
  const slice = new Uint8Array(Math.min(values.length, SLICE_VALUES) * width);
  for (let from = 0; from < values.length; from += SLICE_VALUES) {
    const target = values.subarray(from, from + SLICE_VALUES);
    const source = slice.subarray(0, target.length * width);
    await readFully(handle, source, entry.offset + from * width, entry.file);
    if (state === 'unknown') requireFinite(source, entry, from);
    decodeInto(target, source, entry.dtype);
  }
  return values;
}

/** Fills `bytes` with a tensor's own, little-endian, and returns them. Throws MODEL_MALFORMED as `readValues` does. */
export async function readBytes(
  handle: FileHandle,
  entry: TensorEntry,
  bytes: Uint8Array,
  state: 'unknown' | 'known finite' = 'unknown',
): Promise<Uint8Array> {
  await readFully(handle, bytes, entry.offset, entry.file);
  if (state === 'unknown') await requireAllFinite(bytes, entry);
  return bytes;
}

async function requireAllFinite(bytes: Uint8Array, entry: TensorEntry): Promise<void> {
  const width = DTYPE_BYTES[entry.dtype];
  for (let from = 0; from < bytes.length; from += SLICE_VALUES * width) {
    if (from > 0) await setImmediate();
    requireFinite(bytes.subarray(from, from + SLICE_VALUES * width), entry, from / width);
  }
}

/** @param from the index of the first value in the tensor, or in the part of it that `entry` describes */
function requireFinite(bytes: Uint8Array, entry: TensorEntry, from: number): void {
  const place = findNonFinite(bytes, entry.dtype);
  if (place >= 0) throw describeNonFinite(bytes, entry, from, place);
}

function describeNonFinite(
  bytes: Uint8Array,
  { name, file, shape, dtype, firstRow = 0 }: TensorEntry,
  from: number,
  place: number,
): PrunecastError {
  const value = new Float32Array(1);
  const width = DTYPE_BYTES[dtype];
  decodeInto(value, bytes.slice(place * width, (place + 1) * width), dtype);
  const index = indexOf(from + place, shape);
  index[0] = (index[0] ?? 0) + firstRow;
  return malformed(
    file,
    `the value at [${index.join(', ')}] is ${value[0]}; weights must be finite numbers: use another copy of the checkpoint, or one saved before its training diverged`,
    { tensor: name },
  );
}

/** The indices of a place in a row-major tensor. */
function indexOf(place: number, shape: readonly number[]): number[] {
  return shape.map(
    (size, axis) => Math.floor(place / shape.slice(axis + 1).reduce((product, inner) => product * inner, 1)) % size,
  );
}

/** The bits of the exponent: all set in NaN and the infinities, and in no other value. */
const EXPONENT_BITS = { F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 } as const satisfies Record<TensorDtype, number>;

/** The place of the first value that is NaN or infinite; -1 if there is none. */
export function findNonFinite(bytes: Uint8Array, dtype: TensorDtype): number {
  if (!hasNonFinite(bytes, dtype)) return -1;
  const { buffer, byteOffset, length } = bytes.byteOffset % DTYPE_BYTES[dtype] === 0 ? bytes : bytes.slice();
  const exponent = EXPONENT_BITS[dtype];
  const values =
    dtype === 'F32' ? new Uint32Array(buffer, byteOffset, length / 4) : new Uint16Array(buffer, byteOffset, length / 2);
  return values.findIndex((value) => (value & exponent) === exponent);
}
