import type { WorkContext } from '../../../core/ports/work-context.js';
import { createPieceMemory } from '../../../engine/checkpoint/piece-memory.js';
import { readPieces, type ReadableRows } from '../../../engine/checkpoint/read-pieces.js';
import { writeFileSynced, type NewFile, type WrittenFile } from '../../../engine/checkpoint/write-safetensors.js';
import { BLOCK_BYTES, BLOCK_VALUES } from '../../../engine/simd/kernels.js';

/** A value of the metadata, with its type in the file. */
export type GgufValue =
  | { readonly type: 'uint32' | 'int32' | 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'uint32s' | 'int32s' | 'float32s'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] };

/** How the values of a tensor are stored. */
export type GgufType = keyof typeof GGUF_TYPES;

/** Number of each type in the file, and the bytes of a block of its values (ggml's `enum ggml_type` and type traits). */
export const GGUF_TYPES = {
  F32: { number: 0, blockValues: 1, blockBytes: 4 },
  F16: { number: 1, blockValues: 1, blockBytes: 2 },
  BF16: { number: 30, blockValues: 1, blockBytes: 2 },
  Q8_0: { number: 8, blockValues: BLOCK_VALUES, blockBytes: BLOCK_BYTES.Q8_0 },
  Q4_0: { number: 2, blockValues: BLOCK_VALUES, blockBytes: BLOCK_BYTES.Q4_0 },
} as const;

export interface GgufTensor extends ReadableRows {
  /** As in Hugging Face files, rows first; the file has the length of a row first. */
  readonly shape: readonly number[];
  readonly type: GgufType;
}

export interface GgufContent {
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly tensors: readonly GgufTensor[];
}

export interface GgufOutput extends GgufContent {
  /** A new file. */
  readonly path: string;
  readonly work: WorkContext;
}

/** The name of the file of an export. */
export const GGUF_FILE = 'model.gguf';

/** The first four bytes. */
export const MAGIC = 'GGUF';

export const VERSION = 3;

/** The one that readers assume when the metadata name none. */
export const ALIGNMENT = 32;

/**
 * Writes one GGUF file (ggml's docs/gguf.md, version 3): metadata, the table of tensors, then their values one by one,
 * each at a multiple of 32 bytes.
 *
 * Throws the signal's reason when it fires, between two pieces of a tensor.
 */
export async function writeGguf({ path, metadata, tensors, work }: GgufOutput): Promise<WrittenFile> {
  const total = tensors.reduce((sum, tensor) => sum + countGgufBytes(tensor), 0);
  return writeFileSynced(path, async (file) => {
    const header = encodeHeader(metadata, tensors);
    await file.write(header);
    await pad(file, header.length);
    const memory = createPieceMemory();
    let done = 0;
    for (const tensor of tensors) {
      work.signal.throwIfAborted();
      const bytes = countGgufBytes(tensor);
      for await (const piece of readPieces(tensor, bytes, memory)) {
        work.signal.throwIfAborted();
        await file.write(piece);
        done += piece.length;
        work.report?.({ what: 'bytes', done, total });
      }
      await pad(file, bytes);
    }
  });
}

/** Bytes of the file that `writeGguf` writes. */
export function countFileBytes({ metadata, tensors }: GgufContent): number {
  const entries = Object.entries(metadata).reduce((sum, [key, value]) => sum + countString(key) + countValue(value), 0);
  const table = tensors.reduce((sum, { name, shape }) => sum + countString(name) + 4 + 8 * shape.length + 4 + 8, 0);
  const values = tensors.reduce((sum, tensor) => sum + align(countGgufBytes(tensor)), 0);
  return align(MAGIC.length + 4 + 8 + 8 + entries + table) + values;
}

/** Bytes of a tensor's values. */
export function countGgufBytes({ shape, type }: Pick<GgufTensor, 'shape' | 'type'>): number {
  const { blockValues, blockBytes } = GGUF_TYPES[type];
  return (shape.reduce((product, size) => product * size, 1) / blockValues) * blockBytes;
}

/** Fills up to the next place that is aligned. */
async function pad(file: NewFile, bytes: number): Promise<void> {
  await file.write(new Uint8Array(align(bytes) - bytes));
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function encodeHeader(metadata: GgufContent['metadata'], tensors: readonly GgufTensor[]): Uint8Array {
  const entries = Object.entries(metadata);
  const parts: Uint8Array[] = [
    new TextEncoder().encode(MAGIC),
    uint32(VERSION),
    uint64(tensors.length),
    uint64(entries.length),
    ...entries.flatMap(([key, value]) => [...string(key), ...encodeValue(value)]),
  ];
  let offset = 0;
  for (const tensor of tensors) {
    parts.push(
      ...string(tensor.name),
      uint32(tensor.shape.length),
      ...tensor.shape.toReversed().map(uint64),
      uint32(GGUF_TYPES[tensor.type].number),
      uint64(offset),
    );
    offset += align(countGgufBytes(tensor));
  }
  return Buffer.concat(parts);
}

/** Numbers of the types of metadata. */
export const VALUE_TYPES = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

function encodeValue({ type, value }: GgufValue): Uint8Array[] {
  switch (type) {
    case 'uint32':
      return [uint32(VALUE_TYPES.uint32), uint32(value)];
    case 'int32':
      return [uint32(VALUE_TYPES.int32), bytesOf(Int32Array.of(value))];
    case 'float32':
      return [uint32(VALUE_TYPES.float32), bytesOf(Float32Array.of(value))];
    case 'bool':
      return [uint32(VALUE_TYPES.bool), Uint8Array.of(value ? 1 : 0)];
    case 'string':
      return [uint32(VALUE_TYPES.string), ...string(value)];
    case 'uint32s':
      return [...array('uint32', value.length), bytesOf(Uint32Array.from(value))];
    case 'int32s':
      return [...array('int32', value.length), bytesOf(Int32Array.from(value))];
    case 'float32s':
      return [...array('float32', value.length), bytesOf(Float32Array.from(value))];
    case 'strings':
      return [...array('string', value.length), ...value.flatMap(string)];
  }
}

/** Bytes of what `encodeValue` makes, without making the arrays of a large vocabulary. */
function countValue({ type, value }: GgufValue): number {
  switch (type) {
    case 'bool':
      return 4 + 1;
    case 'string':
      return 4 + countString(value);
    case 'strings':
      return value.reduce((sum, text) => sum + countString(text), 4 + 4 + 8);
    case 'uint32s':
    case 'int32s':
    case 'float32s':
      return 4 + 4 + 8 + 4 * value.length;
    default:
      return 4 + 4;
  }
}

function countString(text: string): number {
  return 8 + Buffer.byteLength(text);
}

function array(of: keyof typeof VALUE_TYPES, length: number): Uint8Array[] {
  return [uint32(VALUE_TYPES.array), uint32(VALUE_TYPES[of]), uint64(length)];
}

function string(text: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  return [uint64(bytes.length), bytes];
}

function uint32(value: number): Uint8Array {
  return bytesOf(Uint32Array.of(value));
}

function uint64(value: number): Uint8Array {
  return bytesOf(BigUint64Array.of(BigInt(value)));
}

function bytesOf({ buffer }: { readonly buffer: ArrayBuffer }): Uint8Array {
  return new Uint8Array(buffer);
}
