import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { PrunedTensor } from '../../core/ports/exporter.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { INDEX_FILE, SINGLE_FILE } from '../files/file-names.js';
import { writeFully } from '../files/read-write.js';
import { DTYPE_BYTES } from './dtype.js';
import { readPieces } from './read-pieces.js';

export interface SafetensorsOutput {
  /** An existing folder. */
  readonly directory: string;
  readonly tensors: readonly PrunedTensor[];
  /** Most bytes of values per file; a larger tensor gets its own file. */
  readonly shardBytes: number;
  readonly work: WorkContext;
}

/** Header lengths are padded so that values start at multiples of it, as other writers do. */
const ALIGNMENT = 8;

/**
 * Writes tensors one by one, each in pieces: `model.safetensors`, or if they take more than `shardBytes`,
 * `model-00001-of-0000N.safetensors` and so on, with an index. Each file is synced. Returns the names of the files and
 * their total bytes.
 *
 * Throws the signal's reason when it fires, between two pieces.
 */
export async function writeSafetensors(
  output: SafetensorsOutput,
): Promise<{ readonly files: readonly string[]; readonly bytes: number }> {
  const { directory, tensors, work } = output;
  const shards = planShards(tensors, output.shardBytes);
  const total = tensors.reduce((sum, tensor) => sum + countBytes(tensor), 0);
  const fileOf: Record<string, string> = {};
  const files: string[] = [];
  let bytes = 0;
  let done = 0;
  for (const [index, shard] of shards.entries()) {
    const file = shards.length === 1 ? SINGLE_FILE : `model-${pad(index + 1)}-of-${pad(shards.length)}.safetensors`;
    bytes += await writeFileSynced(join(directory, file), async (handle) => {
      const header = encodeHeader(shard);
      await writeFully(handle, header);
      let written = header.length;
      for (const tensor of shard) {
        work.signal.throwIfAborted();
        for await (const piece of readPieces(tensor, countBytes(tensor))) {
          work.signal.throwIfAborted();
          await writeFully(handle, piece);
          done += piece.length;
          work.report?.({ what: 'bytes', done, total });
        }
        written += countBytes(tensor);
        fileOf[tensor.name] = file;
      }
      return written;
    });
    files.push(file);
  }
  if (shards.length > 1) {
    const index = new TextEncoder().encode(
      `${JSON.stringify({ metadata: { total_size: total }, weight_map: fileOf }, undefined, 2)}\n`,
    );
    bytes += await writeFileSynced(join(directory, INDEX_FILE), async (handle) => {
      await writeFully(handle, index);
      return index.length;
    });
    files.push(INDEX_FILE);
  }
  return { files, bytes };
}

/** Writes a new file and syncs it before it is closed; fails if it exists. Returns what `write` returns. */
export async function writeFileSynced<T>(path: string, write: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, 'wx');
  try {
    const result = await write(handle);
    await handle.sync();
    return result;
  } finally {
    await handle.close();
  }
}

function planShards(tensors: readonly PrunedTensor[], shardBytes: number): PrunedTensor[][] {
  const shards: PrunedTensor[][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    const bytes = countBytes(tensor);
    if (filled > 0 && filled + bytes > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(tensor);
    filled += bytes;
  }
  // With the widest dtype first, every tensor starts at a multiple of its value size.
  for (const shard of shards) shard.sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]);
  return shards;
}

function encodeHeader(tensors: readonly PrunedTensor[]): Uint8Array {
  const table: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const tensor of tensors) {
    const end = offset + countBytes(tensor);
    table[tensor.name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = JSON.stringify(table);
  const json = new TextEncoder().encode(
    text.padEnd(text.length + ((ALIGNMENT - (Buffer.byteLength(text) % ALIGNMENT)) % ALIGNMENT)),
  );
  const header = new Uint8Array(8 + json.length);
  new DataView(header.buffer).setBigUint64(0, BigInt(json.length), true);
  header.set(json, 8);
  return header;
}

function countBytes(tensor: PrunedTensor): number {
  return tensor.shape.reduce((product, size) => product * size, DTYPE_BYTES[tensor.dtype]);
}

function pad(number: number): string {
  return String(number).padStart(5, '0');
}
