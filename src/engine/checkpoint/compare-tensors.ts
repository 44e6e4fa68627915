import type { CheckpointFiles } from '../files/checkpoint-files.js';
import type { TensorEntry } from './checkpoint.js';
import { readValues } from './read-values.js';
import { cutRows } from './tensor-reader.js';

/** Values compared at a time: 8 MB of float32 from each. */
const SLICE_VALUES = 2 * 1024 * 1024;

/**
 * The first index at which two matrices of the same shape differ in value, whatever their dtypes; undefined if they are
 * equal.
 */
export async function findDifference(
  files: Pick<CheckpointFiles, 'use'>,
  a: TensorEntry,
  b: TensorEntry,
): Promise<readonly [row: number, column: number] | undefined> {
  const [rows = 0, columns = 1] = a.shape;
  const rowsATime = Math.max(1, Math.floor(SLICE_VALUES / columns));
  const read = (entry: TensorEntry, first: number, count: number): Promise<Float32Array> =>
    files.use(entry.file, (handle) => readValues(handle, cutRows(entry, first, count)));
  for (let first = 0; first < rows; first += rowsATime) {
    const count = Math.min(rowsATime, rows - first);
    const [ours, theirs] = [await read(a, first, count), await read(b, first, count)];
    const place = ours.findIndex((value, index) => value !== theirs[index]);
    if (place >= 0) return [first + Math.floor(place / columns), place % columns];
  }
  return undefined;
}
