import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import type { StoredValues } from '../../../core/ports/exporter.js';
import { decodeInto } from '../../../engine/checkpoint/dtype.js';
import { malformed } from '../../../engine/files/model-errors.js';
import { readFully } from '../../../engine/files/read-write.js';
import { decodeBlocks } from './decode-blocks.js';
import { listMaxErrors } from './list-max-errors.js';
import { ALIGNMENT, countGgufBytes, GGUF_TYPES, MAGIC, VALUE_TYPES, VERSION, type GgufType } from './write-gguf.js';

/** An open GGUF file whose header was checked: each tensor lies within the file. */
export interface GgufFile {
  readonly metadata: ReadonlyMap<string, GgufMetadata>;
  readonly tensors: ReadonlyMap<string, StoredGgufTensor>;
  /** A tensor's values as float32, row-major; of a matrix `count` rows from row `first` on, by default all. */
  read(tensor: StoredGgufTensor, first?: number, count?: number): Promise<Float32Array>;
  /** The same, with how far rounding may have moved each value. */
  readStored(tensor: StoredGgufTensor, first?: number, count?: number): Promise<StoredValues>;
  close(): Promise<void>;
}

/** Whole numbers beyond 2^53 are rounded. */
export type GgufMetadata = number | boolean | string | readonly GgufMetadata[];

export interface StoredGgufTensor {
  readonly name: string;
  /** Rows first, as in Hugging Face files. */
  readonly shape: readonly number[];
  readonly type: GgufType;
  /** Position of the first byte in the file. */
  readonly offset: number;
}

/** Most bytes of metadata and table. Those of Gemma 3, with 262,144 tokens, have 10 MB. */
const MAX_HEADER_BYTES = 256 * 1024 * 1024;

/** The header is parsed from so many bytes, then from twice as many and so on until it is whole. */
const FIRST_BYTES = 1024 * 1024;

/** As many as in a safetensors file. */
const MAX_TENSORS = 32_768;

/** Most of these models have 30. */
const MAX_ENTRIES = 65_536;

/** ggml has no tensors of more (`GGML_MAX_DIMS`). */
const MAX_RANK = 4;

/** Values read in one turn of the event loop; a multiple of all block sizes. */
const SLICE_VALUES = 1024 * 1024;

/**
 * Opens a GGUF file of version 3 (ggml's docs/gguf.md) whose tensors are of the types of `GGUF_TYPES`. Throws
 * MODEL_MALFORMED that names the file. Nothing in it is trusted.
 */
export async function readGguf(path: string): Promise<GgufFile> {
  const file = basename(path);
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw malformed(file, 'cannot be opened: the export is incomplete, or may not be read', { cause });
  });
  try {
    const { size } = await handle.stat();
    const { metadata, tensors } = await readHeader(handle, file, size);
    return {
      metadata,
      tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
      read: (tensor, first, count) => readRows(handle, file, tensor, { first, count }),
      readStored: async (tensor, first, count) => {
        const errors: Float32Array[] = [];
        const values = await readRows(handle, file, tensor, { first, count }, (slice, bytes) =>
          errors.push(listMaxErrors(slice, bytes, tensor.type)),
        );
        return { values, maxErrors: joinFloats(errors, values.length) };
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Header {
  readonly metadata: ReadonlyMap<string, GgufMetadata>;
  readonly tensors: readonly StoredGgufTensor[];
}

async function readHeader(handle: FileHandle, file: string, size: number): Promise<Header> {
  const most = Math.min(size, MAX_HEADER_BYTES);
  for (let length = Math.min(FIRST_BYTES, most); ; length = Math.min(2 * length, most)) {
    const bytes = new Uint8Array(length);
    await readFully(handle, bytes, 0, file);
    const cursor = new Cursor(bytes);
    try {
      return parseHeader(cursor, file, size);
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error;
      if (length === size) throw malformed(file, 'ends within its header: it is truncated', { cause: error });
      if (length === most)
        throw malformed(file, `has a header of more than ${MAX_HEADER_BYTES} bytes, the most that are read`);
    }
  }
}

/** More bytes are needed. */
class EndOfBytes extends Error {}

/** Reads little-endian values one after the other. Throws EndOfBytes. */
class Cursor {
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#position;
  }

  take<Value>(width: number, read: (view: DataView, position: number) => Value): Value {
    const position = this.#position;
    if (width > this.#view.byteLength - position) throw new EndOfBytes();
    this.#position += width;
    return read(this.#view, position);
  }

  uint32(): number {
    return this.take(4, (view, at) => view.getUint32(at, true));
  }

  uint64(): number {
    return this.take(8, (view, at) => Number(view.getBigUint64(at, true)));
  }

  text(): string {
    const length = this.uint64();
    return this.take(length, (view, at) => decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at, length)));
  }
}

const decoder = new TextDecoder();

function parseHeader(cursor: Cursor, file: string, size: number): Header {
  const magic = cursor.take(4, (view, at) => String.fromCharCode(...new Uint8Array(view.buffer, at, 4)));
  if (magic !== MAGIC) throw malformed(file, `does not begin with ${MAGIC}: it is no GGUF file`);
  const version = cursor.uint32();
  if (version !== VERSION) throw malformed(file, `is of version ${version}; only version ${VERSION} is read`);
  const tensorCount = requireAtMost(cursor.uint64(), MAX_TENSORS, 'tensors', file);
  const entryCount = requireAtMost(cursor.uint64(), MAX_ENTRIES, 'entries of metadata', file);
  const metadata = new Map<string, GgufMetadata>();
  for (let entry = 0; entry < entryCount; entry += 1) {
    const key = cursor.text();
    metadata.set(key, readValue(cursor, cursor.uint32(), key, file));
  }
  const entries = Array.from({ length: tensorCount }, () => readEntry(cursor, file));
  const alignment = metadata.get('general.alignment') ?? ALIGNMENT;
  if (typeof alignment !== 'number' || !(alignment >= 1))
    throw malformed(file, `general.alignment is ${String(alignment)}; it must be a positive number`);
  const start = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = entries.map((entry) => ({ ...entry, offset: start + entry.offset }));
  const names = new Set<string>();
  for (const { name, offset, ...tensor } of tensors) {
    if (names.has(name)) throw malformed(file, 'is in the file twice', { tensor: name });
    names.add(name);
    if (offset + countGgufBytes(tensor) > size)
      throw malformed(file, `ends at ${offset + countGgufBytes(tensor)}, the file at ${size}: it is truncated`, {
        tensor: name,
      });
  }
  return { metadata, tensors };
}

function requireAtMost(count: number, most: number, what: string, file: string): number {
  if (count <= most) return count;
  throw malformed(file, `has ${count} ${what}; at most ${most} are read`);
}

function readValue(cursor: Cursor, type: number, key: string, file: string): GgufMetadata {
  if (type === VALUE_TYPES.string) return cursor.text();
  if (type === VALUE_TYPES.array) {
    const of = cursor.uint32();
    if (of === VALUE_TYPES.array) throw malformed(file, `${key} is an array of arrays, which is not read`);
    const values: GgufMetadata[] = [];
    for (let left = cursor.uint64(); left > 0; left -= 1) values.push(readValue(cursor, of, key, file));
    return values;
  }
  const read = SCALARS.get(type);
  if (read === undefined) throw malformed(file, `${key} is of the unknown type ${type}`);
  return read(cursor);
}

/** By their numbers in the file (ggml's `enum gguf_type`). */
const SCALARS: ReadonlyMap<number, (cursor: Cursor) => number | boolean> = new Map<
  number,
  (cursor: Cursor) => number | boolean
>([
  [0, (cursor) => cursor.take(1, (view, at) => view.getUint8(at))],
  [1, (cursor) => cursor.take(1, (view, at) => view.getInt8(at))],
  [2, (cursor) => cursor.take(2, (view, at) => view.getUint16(at, true))],
  [3, (cursor) => cursor.take(2, (view, at) => view.getInt16(at, true))],
  [VALUE_TYPES.uint32, (cursor) => cursor.uint32()],
  [VALUE_TYPES.int32, (cursor) => cursor.take(4, (view, at) => view.getInt32(at, true))],
  [VALUE_TYPES.float32, (cursor) => cursor.take(4, (view, at) => view.getFloat32(at, true))],
  [VALUE_TYPES.bool, (cursor) => cursor.take(1, (view, at) => view.getUint8(at) !== 0)],
  [10, (cursor) => cursor.uint64()],
  [11, (cursor) => cursor.take(8, (view, at) => Number(view.getBigInt64(at, true)))],
  [12, (cursor) => cursor.take(8, (view, at) => view.getFloat64(at, true))],
]);

const TYPES = new Map<number, GgufType>(
  (Object.keys(GGUF_TYPES) as GgufType[]).map((type) => [GGUF_TYPES[type].number, type]),
);

/** A row of the table, its offset counted from the first tensor. */
function readEntry(cursor: Cursor, file: string): StoredGgufTensor {
  const name = cursor.text();
  const rank = cursor.uint32();
  if (rank < 1 || rank > MAX_RANK)
    throw malformed(file, `has ${rank} dimensions; 1 to ${MAX_RANK} are read`, { tensor: name });
  const shape = Array.from({ length: rank }, () => cursor.uint64()).toReversed();
  const number = cursor.uint32();
  const type = TYPES.get(number);
  if (type === undefined)
    throw malformed(file, `is of ggml's type ${number}; those read are ${[...TYPES.values()].join(', ')}`, {
      tensor: name,
    });
  if (!Number.isSafeInteger(shape.reduce((product, length) => product * length, 1)))
    throw malformed(file, `has the shape ${shape.join(' x ')}, too large for any file`, { tensor: name });
  if ((shape.at(-1) ?? 0) % GGUF_TYPES[type].blockValues !== 0)
    throw malformed(file, `has rows of ${shape.at(-1)} values, no multiple of the ${type} block`, { tensor: name });
  return { name, shape, type, offset: cursor.uint64() };
}

async function readRows(
  handle: FileHandle,
  file: string,
  { name, shape, type, offset }: StoredGgufTensor,
  { first = 0, count = shape[0] ?? 1 }: { readonly first: number | undefined; readonly count: number | undefined },
  look: (values: Float32Array, bytes: Uint8Array) => void = () => undefined,
): Promise<Float32Array> {
  const [rows = 1, ...rest] = shape;
  if (first < 0 || count < 0 || first + count > rows)
    throw new RangeError(`${name} has ${rows} rows, so ${count} rows from row ${first} do not exist`);
  const width = rest.reduce((product, length) => product * length, 1);
  const values = new Float32Array(count * width);
  const start = offset + countGgufBytes({ shape: [first * width], type });
  for (let from = 0; from < values.length; from += SLICE_VALUES) {
    const target = values.subarray(from, from + SLICE_VALUES);
    const bytes = new Uint8Array(countGgufBytes({ shape: [target.length], type }));
    await readFully(handle, bytes, start + countGgufBytes({ shape: [from], type }), file);
    if (type === 'Q8_0' || type === 'Q4_0') decodeBlocks(target, bytes, type);
    else decodeInto(target, bytes, type);
    look(target, bytes);
  }
  return values;
}

function joinFloats(parts: readonly Float32Array[], length: number): Float32Array {
  const joined = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
