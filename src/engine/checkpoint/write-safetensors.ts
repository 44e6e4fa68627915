import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportSummary, FileSizes, PrunedTensor } from '../../core/ports/exporter.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { INDEX_FILE, SINGLE_FILE } from '../files/file-names.js';
import { writeFully } from '../files/read-write.js';
import { DTYPE_BYTES } from './dtype.js';
import { createPieceMemory } from './piece-memory.js';
import { readPieces } from './read-pieces.js';

export interface SafetensorsContent {
  readonly tensors: readonly PrunedTensor[];
  /** Most bytes of values per file; a larger tensor gets its own file. */
  readonly shardBytes: number;
}

export interface SafetensorsOutput extends SafetensorsContent {
  /** An existing folder. */
  readonly directory: string;
  readonly work: WorkContext;
}

/** Header lengths are padded so that values start at multiples of it, as other writers do. */
const ALIGNMENT = 8;

/**
 * Writes tensors one by one, each in pieces: `model.safetensors`, or if they take more than `shardBytes`,
 * `model-00001-of-0000N.safetensors` and so on, with an index. Each file is synced. Returns the files.
 *
 * Throws the signal's reason when it fires, between two pieces.
 */
export async function writeSafetensors(output: SafetensorsOutput): Promise<Required<ExportSummary>> {
  const { directory, tensors, work } = output;
  const shards = planShards(output);
  const total = sumBytes(tensors);
  const digests: Record<string, string> = {};
  const memory = createPieceMemory();
  let bytes = 0;
  let done = 0;
  const add = async (file: string, write: (target: NewFile) => Promise<void>): Promise<void> => {
    const written = await writeFileSynced(join(directory, file), write);
    digests[file] = written.sha256;
    bytes += written.bytes;
  };
  for (const [file, shard] of shards)
    await add(file, async (target) => {
      await target.write(encodeHeader(shard));
      for (const tensor of shard) {
        work.signal.throwIfAborted();
        for await (const piece of readPieces(tensor, countBytes(tensor), memory)) {
          work.signal.throwIfAborted();
          await target.write(piece);
          done += piece.length;
          work.report?.({ what: 'bytes', done, total });
        }
      }
    });
  const index = encodeIndex(shards);
  if (index !== undefined) await add(INDEX_FILE, (target) => target.write(index));
  return { files: Object.keys(digests), bytes, digests };
}

/** The files that `writeSafetensors` writes. */
export function listSafetensors(content: SafetensorsContent): FileSizes {
  const shards = planShards(content);
  const index = encodeIndex(shards);
  return {
    ...Object.fromEntries(
      [...shards].map(([file, tensors]) => [file, encodeHeader(tensors).length + sumBytes(tensors)]),
    ),
    ...(index === undefined ? {} : { [INDEX_FILE]: index.length }),
  };
}

/** A file that is being written, from its beginning to its end. */
export interface NewFile {
  /** The bytes are written before the next call resolves, or the file is complete; until then they must not change. */
  write(bytes: Uint8Array): Promise<void>;
}

/** A file that is there whole. */
export interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * The disk begins to write after so many bytes: else it would rest until the end, and be waited for then. One call at a
 * time: each holds one of the few threads of Node that all files are read and written by.
 */
const FLUSH_BYTES = 64 * 1024 * 1024;

/**
 * Writes a new file, which is hashed meanwhile, and syncs it before it is closed; fails if it exists. While some bytes
 * are written, by a thread of Node, the caller makes the next.
 */
export async function writeFileSynced(path: string, write: (file: NewFile) => Promise<void>): Promise<WrittenFile> {
  const handle = await open(path, 'wx');
  const sha = createHash('sha256');
  let [count, flushed] = [0, 0];
  let [writing, flushing] = [Promise.resolve(), Promise.resolve()];
  let isFlushing = false;
  const flush = (): void => {
    if (isFlushing || count - flushed < FLUSH_BYTES) return;
    [flushed, isFlushing] = [count, true];
    flushing = handle.datasync().then(() => void (isFlushing = false));
    flushing.catch(() => undefined); // no other begins then, and it is reported when the file is complete
  };
  try {
    await write({
      write: async (bytes) => {
        await writing;
        flush();
        writing = writeFully(handle, bytes);
        writing.catch(() => undefined); // reported by whoever waits for it
        sha.update(bytes);
        count += bytes.length;
      },
    });
    await Promise.all([writing, flushing]);
    await handle.sync();
    return { bytes: count, sha256: sha.digest('hex') };
  } finally {
    await Promise.allSettled([writing, flushing]);
    await handle.close();
  }
}

/** The tensors of each file, by its name. */
type Shards = ReadonlyMap<string, readonly PrunedTensor[]>;

function planShards({ tensors, shardBytes }: SafetensorsContent): Shards {
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
  const nameShard = (index: number): string =>
    shards.length === 1 ? SINGLE_FILE : `model-${pad(index + 1)}-of-${pad(shards.length)}.safetensors`;
  return new Map(shards.map((shard, index) => [nameShard(index), shard]));
}

/** Which file has which tensor; undefined if one has all. */
function encodeIndex(shards: Shards): Uint8Array | undefined {
  if (shards.size === 1) return undefined;
  const files = [...shards].flatMap(([file, tensors]) => tensors.map(({ name }) => [name, file] as const));
  const total = sumBytes([...shards.values()].flat());
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(files) };
  return new TextEncoder().encode(`${JSON.stringify(index, undefined, 2)}\n`);
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

function sumBytes(tensors: readonly PrunedTensor[]): number {
  return tensors.reduce((sum, tensor) => sum + countBytes(tensor), 0);
}

function countBytes(tensor: PrunedTensor): number {
  return tensor.shape.reduce((product, size) => product * size, DTYPE_BYTES[tensor.dtype]);
}

function pad(number: number): string {
  return String(number).padStart(5, '0');
}
