import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { malformed, show } from './model-errors.js';

/**
 * A JSON object from a file of the checkpoint, its size checked before it is read.
 *
 * Returns undefined where there is no such file. Throws MODEL_MALFORMED.
 */
export async function readJsonObject(directory: string, file: string, maxBytes: number): Promise<Record<string, unknown> | undefined> {
  const text = await readBounded(directory, file, maxBytes);
  return text === undefined ? undefined : parseJsonObject(text, file);
}

/** Parses untrusted bytes as a JSON object in UTF-8. Throws MODEL_MALFORMED. */
export function parseJsonObject(bytes: Uint8Array, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed(file, 'is not JSON in UTF-8', { cause });
  }
  if (isRecord(value)) return value;
  throw malformed(file, `must hold a JSON object, not ${show(value)}`);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

async function readBounded(directory: string, file: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const path = join(directory, file);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (!found.isFile()) throw malformed(file, 'is not a plain file');
  if (found.size > maxBytes) throw malformed(file, `has ${found.size} bytes; at most ${maxBytes} are read`);
  const handle = await open(path);
  try {
    const bytes = new Uint8Array(found.size);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
