import type { CheckpointFiles } from './checkpoint-files.js';
import { malformed, show } from './model-errors.js';

/**
 * A JSON object from a file of the checkpoint, its size checked before it is read.
 *
 * Returns undefined where there is no such file. Throws MODEL_MALFORMED.
 */
export async function readJsonObject(files: Pick<CheckpointFiles, 'read'>, file: string, maxBytes: number): Promise<Record<string, unknown> | undefined> {
  const text = await files.read(file, maxBytes);
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
