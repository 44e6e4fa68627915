import type { FileHandle } from 'node:fs/promises';
import { malformed, show } from '../files/model-errors.js';
import { isRecord, parseJsonObject } from '../files/read-json.js';
import { readFully } from '../files/read-write.js';
import { HEAD_BYTES, recogniseContent } from '../files/recognise-content.js';
import type { StoredTensor } from './checkpoint.js';

/*
 * A safetensors file is 8 bytes with the length of its header (little-endian), the header in JSON, and the values of
 * all tensors, one after the other without gaps. Nothing in it can be trusted; nothing is allocated before its size is
 * checked.
 */

/**
 * Largest header that is read. The largest real one of these families, Qwen2.5-72B in one file (963 tensors), would
 * have 130 kB.
 */
export const MAX_HEADER_BYTES = 4 * 1024 * 1024;

/**
 * Most tensors per file. Llama-3.1-405B has 1,138 in all; with all biases and norms of MAX_LAYERS layers there would be
 * 18,432.
 */
export const MAX_TENSORS = 32_768;

/** Longest tensor name. The longest real one, `model.layers.125.post_attention_layernorm.weight`, has 48 characters. */
export const MAX_NAME_LENGTH = 256;

/** Most dimensions of a tensor. These families use one and two. */
export const MAX_RANK = 8;

const LENGTH_BYTES = 8;

/**
 * Bits per value of each dtype of the format. The width of other dtypes is unknown; their tensors are measured by their
 * offsets alone.
 */
const DTYPE_BITS: Readonly<Record<string, number>> = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
};

/** Reads and checks the header of an open safetensors file; lists tensors of any dtype. Throws MODEL_MALFORMED. */
export async function readSafetensorsHeader(handle: FileHandle, file: string): Promise<readonly StoredTensor[]> {
  const { size } = await handle.stat();
  const head = new Uint8Array(Math.min(size, HEAD_BYTES));
  await readFully(handle, head, 0, file);
  if (size < LENGTH_BYTES) throw malformed(file, `has ${size} bytes; a safetensors file has at least ${LENGTH_BYTES}`);
  const length = new DataView(head.buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw malformed(
      file,
      recogniseContent(head) ?? `announces a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are read`,
    );
  }
  if (Number(length) > size - LENGTH_BYTES) {
    throw malformed(
      file,
      `announces a header of ${length} bytes but has only ${size - LENGTH_BYTES} bytes after the length: it is truncated`,
    );
  }
  const header = new Uint8Array(Number(length));
  await readFully(handle, header, LENGTH_BYTES, file);
  return parseSafetensorsHeader(header, file, size);
}

/**
 * Checks a header and returns its tensors in the order of their values.
 *
 * @param header the header's own bytes, without the length before them
 * @param fileBytes the size of the whole file, which the tensors must fill exactly
 */
export function parseSafetensorsHeader(header: Uint8Array, file: string, fileBytes: number): readonly StoredTensor[] {
  const table = Object.entries(parseJsonObject(header, file)).filter(([name]) => name !== '__metadata__');
  if (table.length > MAX_TENSORS) throw malformed(file, `has ${table.length} tensors; at most ${MAX_TENSORS} are read`);
  const start = LENGTH_BYTES + header.length;
  const entries = table
    .map(([name, value]) => parseEntry(name, value, file, start))
    .sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = start;
  for (const entry of entries) {
    if (entry.offset !== end) {
      const relation =
        entry.offset < end
          ? 'overlaps the tensor before it, which ends'
          : 'leaves a gap after the tensor before it, which ends';
      throw malformed(file, `begins at ${entry.offset - start} and ${relation} at ${end - start}`, {
        tensor: entry.name,
      });
    }
    end += entry.bytes;
    if (end > fileBytes)
      throw malformed(
        file,
        `ends at ${end - start}, the file holds ${fileBytes - start} bytes of values: it is truncated`,
        { tensor: entry.name },
      );
  }
  if (end !== fileBytes) throw malformed(file, `has ${fileBytes - end} bytes after its last tensor; none are allowed`);
  return entries;
}

function parseEntry(name: string, value: unknown, file: string, start: number): StoredTensor {
  if (name.length > MAX_NAME_LENGTH)
    throw malformed(file, `a tensor's name has ${name.length} characters; at most ${MAX_NAME_LENGTH} are read`, {
      tensor: name,
    });
  if (!isRecord(value))
    throw malformed(file, `must be an object with dtype, shape and data_offsets, not ${show(value)}`, { tensor: name });
  const shape = parseShape(value['shape'], file, name);
  const [from, to] = parseOffsets(value['data_offsets'], file, name);
  const dtype = value['dtype'];
  if (typeof dtype !== 'string' || dtype.length > MAX_NAME_LENGTH)
    throw malformed(file, `dtype must be a string, not ${show(dtype)}`, { tensor: name });
  const bits = Object.hasOwn(DTYPE_BITS, dtype) ? DTYPE_BITS[dtype] : undefined;
  const bytes = bits === undefined ? to - from : shape.reduce((product, size) => product * size, bits) / 8;
  if (bytes !== to - from) {
    throw malformed(
      file,
      `shape ${show(shape)} of ${dtype} takes ${bytes} bytes, its offsets ${from} to ${to} hold ${to - from}`,
      { tensor: name },
    );
  }
  return { name, dtype, shape, file, offset: start + from, bytes };
}

function parseShape(value: unknown, file: string, tensor: string): readonly number[] {
  if (!Array.isArray(value)) throw malformed(file, `shape must be an array, not ${show(value)}`, { tensor });
  if (value.length > MAX_RANK)
    throw malformed(file, `shape has ${value.length} dimensions; at most ${MAX_RANK} are read`, { tensor });
  const bad = value.find((size) => !isCount(size));
  if (bad !== undefined)
    throw malformed(file, `shape has ${show(bad)}; sizes are whole numbers from 0 to 2^53 - 1`, { tensor });
  return value as readonly number[];
}

function parseOffsets(value: unknown, file: string, tensor: string): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2 || !value.every(isCount)) {
    throw malformed(file, `data_offsets must be two whole numbers, not ${show(value)}`, { tensor });
  }
  const [from, to] = value as [number, number];
  if (from > to) throw malformed(file, `data_offsets run backwards, from ${from} to ${to}`, { tensor });
  return [from, to];
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
