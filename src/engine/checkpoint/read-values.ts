import type { FileHandle } from 'node:fs/promises';
import type { TensorEntry } from './checkpoint.js';
import { decodeInto, DTYPE_BYTES } from './dtype.js';
import { readFully } from './read-fully.js';

/** Values converted in one turn of the event loop: two milliseconds. */
const SLICE_VALUES = 2 * 1024 * 1024;

/** A tensor's values, row-major, as float32; read in slices, so that memory holds them once and the event loop stays free. */
export async function readValues(handle: FileHandle, entry: TensorEntry): Promise<Float32Array> {
  const width = DTYPE_BYTES[entry.dtype];
  const values = new Float32Array(entry.bytes / width);
  if (entry.dtype === 'F32') {
    await readFully(handle, new Uint8Array(values.buffer), entry.offset, entry.file);
    return values;
  }
  const slice = new Uint8Array(Math.min(values.length, SLICE_VALUES) * width);
  for (let from = 0; from < values.length; from += SLICE_VALUES) {
    const target = values.subarray(from, from + SLICE_VALUES);
    const source = slice.subarray(0, target.length * width);
    await readFully(handle, source, entry.offset + from * width, entry.file);
    decodeInto(target, source, entry.dtype);
  }
  return values;
}
