import type { Checkpoint, TensorEntry } from './checkpoint.js';
import type { CheckpointFiles } from './checkpoint-files.js';
import { cutRows } from './cut-rows.js';
import { readBytes, readValues } from './read-values.js';

/** Reads the tensors of a checkpoint. Throws RangeError for one that it does not have, and MODEL_CHANGED. */
export function createTensorReader(files: Pick<CheckpointFiles, 'use'>, tensors: ReadonlyMap<string, TensorEntry>): Pick<Checkpoint, 'readTensor' | 'readRows' | 'readBytes'> {
  const find = (name: string): TensorEntry => {
    const entry = tensors.get(name);
    if (entry === undefined) throw new RangeError(`the checkpoint has no tensor ${name}`);
    return entry;
  };
  const read = (entry: TensorEntry): Promise<Float32Array> => files.use(entry.file, (handle) => readValues(handle, entry));
  return {
    readTensor: async (name) => read(find(name)),
    readRows: async (name, first, count) => read(cutRows(find(name), first, count)),
    readBytes: async (name) => {
      const entry = find(name);
      return files.use(entry.file, (handle) => readBytes(handle, entry));
    },
  };
}
