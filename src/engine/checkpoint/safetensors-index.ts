import { INDEX_FILE } from '../files/file-names.js';
import { malformed, show } from '../files/model-errors.js';
import { isRecord } from '../files/read-json.js';

/**
 * Largest index that is read. The largest real one of these families, that of Llama-3.1-405B (1,138 tensors), has 96
 * kB.
 */
export const MAX_INDEX_BYTES = 4 * 1024 * 1024;

/** Most weight files. Llama-3.1-405B has 191. */
export const MAX_SHARDS = 1024;

/** A file within the folder or a subfolder: no part begins with a dot, so the path cannot leave the folder. */
const INNER_NAME = /^(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\/){0,4}[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\.safetensors$/;

/** The file of each tensor by an index; all files are within the folder. Throws MODEL_MALFORMED. */
export function parseSafetensorsIndex(index: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const table = index['weight_map'];
  if (!isRecord(table)) throw malformed(INDEX_FILE, `weight_map must be an object, not ${show(table)}`);
  const files = new Map<string, string>();
  for (const [tensor, file] of Object.entries(table)) {
    if (typeof file !== 'string' || !INNER_NAME.test(file)) {
      throw malformed(
        INDEX_FILE,
        `is in ${show(file)}; only a file in the folder or a subfolder whose name ends in .safetensors is allowed`,
        { tensor },
      );
    }
    files.set(tensor, file);
  }
  if (files.size === 0) throw malformed(INDEX_FILE, 'weight_map names no tensor');
  const shards = new Set(files.values()).size;
  if (shards > MAX_SHARDS) throw malformed(INDEX_FILE, `names ${shards} files; at most ${MAX_SHARDS} are read`);
  return files;
}
