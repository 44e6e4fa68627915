import type { FileHandle } from 'node:fs/promises';
import type { TensorDtype, TensorEntry } from './checkpoint.js';
import { DTYPE_BYTES } from './dtype.js';
import { malformed, show, unsupported } from './model-errors.js';
import { isRecord, parseJsonObject } from './read-json.js';
import { readFully } from './read-fully.js';

/*
 * A safetensors file is 8 bytes with the length of its header (little-endian), the header in JSON, and the values of all
 * tensors, one after the other without gaps. Everything in it may lie; nothing is allocated before its size is checked.
 */

/** Largest header read. The largest real one of these families, Qwen2.5-72B in one file (963 tensors), would take 130 kB. */
export const MAX_HEADER_BYTES = 4 * 1024 * 1024;

/** Most tensors in a file. Llama-3.1-405B has 1,138 in all; with all biases and norms of MAX_LAYERS layers it would be 18,432. */
export const MAX_TENSORS = 32_768;

/** Longest tensor name. The longest real one, `model.layers.125.post_attention_layernorm.weight`, has 48 characters. */
export const MAX_NAME_LENGTH = 256;

/** Most dimensions of a tensor. These families use one and two. */
export const MAX_RANK = 8;

const LENGTH_BYTES = 8;

/** Reads and checks the header of an open safetensors file. Throws MODEL_MALFORMED, or MODEL_UNSUPPORTED for a dtype. */
export async function readSafetensorsHeader(handle: FileHandle, file: string): Promise<readonly TensorEntry[]> {
  const { size } = await handle.stat();
  if (size < LENGTH_BYTES) throw malformed(file, `has ${size} bytes; a safetensors file has at least ${LENGTH_BYTES}`);
  const prefix = new Uint8Array(LENGTH_BYTES);
  await readFully(handle, prefix, 0, file);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) throw malformed(file, `announces a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are read`);
  if (Number(length) > size - LENGTH_BYTES) {
    throw malformed(file, `announces a header of ${length} bytes but has only ${size - LENGTH_BYTES} bytes after the length: it is truncated`);
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
export function parseSafetensorsHeader(header: Uint8Array, file: string, fileBytes: number): readonly TensorEntry[] {
  const table = Object.entries(parseJsonObject(header, file)).filter(([name]) => name !== '__metadata__');
  if (table.length > MAX_TENSORS) throw malformed(file, `has ${table.length} tensors; at most ${MAX_TENSORS} are read`);
  const start = LENGTH_BYTES + header.length;
  const entries = table.map(([name, value]) => parseEntry(name, value, file, start)).sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = start;
  for (const entry of entries) {
    if (entry.offset !== end) {
      const relation = entry.offset < end ? 'overlaps the tensor before it, which ends' : 'leaves a gap after the tensor before it, which ends';
      throw malformed(file, `begins at ${entry.offset - start} and ${relation} at ${end - start}`, { tensor: entry.name });
    }
    end += entry.bytes;
    if (end > fileBytes) throw malformed(file, `ends at ${end - start}, the file holds ${fileBytes - start} bytes of values: it is truncated`, { tensor: entry.name });
  }
  if (end !== fileBytes) throw malformed(file, `has ${fileBytes - end} bytes after its last tensor; there may be none`);
  return entries;
}

function parseEntry(name: string, value: unknown, file: string, start: number): TensorEntry {
  if (name.length > MAX_NAME_LENGTH) throw malformed(file, `a tensor's name has ${name.length} characters; at most ${MAX_NAME_LENGTH} are read`, { tensor: name });
  if (!isRecord(value)) throw malformed(file, `must be an object with dtype, shape and data_offsets, not ${show(value)}`, { tensor: name });
  const shape = parseShape(value['shape'], file, name);
  const [from, to] = parseOffsets(value['data_offsets'], file, name);
  const dtype = parseDtype(value['dtype'], file, name);
  const bytes = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
  if (bytes !== to - from) {
    throw malformed(file, `shape ${show(shape)} of ${dtype} takes ${bytes} bytes, its offsets ${from} to ${to} hold ${to - from}`, { tensor: name });
  }
  return { name, dtype, shape, file, offset: start + from, bytes };
}

function parseDtype(value: unknown, file: string, tensor: string): TensorDtype {
  if (typeof value !== 'string') throw malformed(file, `dtype must be a string, not ${show(value)}`, { tensor });
  if (Object.hasOwn(DTYPE_BYTES, value)) return value as TensorDtype;
  throw unsupported(file, `dtype ${value.slice(0, 32)}`, `has dtype ${show(value)}; those read are ${Object.keys(DTYPE_BYTES).join(', ')}`, { tensor });
}

function parseShape(value: unknown, file: string, tensor: string): readonly number[] {
  if (!Array.isArray(value)) throw malformed(file, `shape must be an array, not ${show(value)}`, { tensor });
  if (value.length > MAX_RANK) throw malformed(file, `shape has ${value.length} dimensions; at most ${MAX_RANK} are read`, { tensor });
  const bad = value.find((size) => !isCount(size));
  if (bad !== undefined) throw malformed(file, `shape has ${show(bad)}; sizes are whole numbers from 0 to 2^53 - 1`, { tensor });
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
