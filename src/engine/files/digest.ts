import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { canonicalJson } from '../../core/canonical-json.js';
import { type FileStamp, settleStamp, stampOf } from './file-stamp.js';

/**
 * SHA-256 of a value's canonical JSON, as 64 lowercase hex digits. Equal values have equal digests, whatever the order
 * of their keys.
 */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** SHA-256 of the bytes under a view (token ids, a file), as 64 lowercase hex digits. */
export function digestBytes(view: ArrayBufferView): string {
  return createHash('sha256')
    .update(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
    .digest('hex');
}

/** Bytes hashed in one turn of the event loop; they take about a millisecond. */
const CHUNK_BYTES = 1024 * 1024;

/** What stops the hashing of a file, and who is told how many of its bytes are hashed. */
export interface Hashing {
  readonly signal?: AbortSignal;
  readonly tell?: (bytes: number) => void;
}

/** By stamp: a file that changes gets another stamp. */
const known = new Map<FileStamp, string>();

/** Most digests that are remembered. */
const MAX_KNOWN = 4096;

/**
 * SHA-256 of an open file, computed once per process and stamp.
 *
 * @param stamp as `settleStamp` returns it
 * @returns undefined if the file has another stamp by now
 */
export async function digestOpened(
  handle: FileHandle,
  stamp: FileStamp,
  hashing: Hashing = {},
): Promise<string | undefined> {
  const digest = known.get(stamp) ?? (await hashOpened(handle, hashing));
  if (stampOf(await handle.stat({ bigint: true })) !== stamp) return undefined;
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(stamp, digest);
  return digest;
}

/** SHA-256 of a file, computed once per process as long as the file does not change. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<string> {
  const handle = await open(path);
  try {
    const stamp = await settleStamp(handle, signal);
    const digest =
      stamp === undefined ? undefined : await digestOpened(handle, stamp, signal === undefined ? {} : { signal });
    if (digest === undefined) throw new Error(`${path} is being written while it is read`);
    return digest;
  } finally {
    await handle.close();
  }
}

/** SHA-256 of a file as it is on the disk now, whatever was known of it. */
export async function hashFile(path: string): Promise<string> {
  const handle = await open(path);
  try {
    return await hashOpened(handle);
  } finally {
    await handle.close();
  }
}

/** The same of an open file. Throws the signal's reason. */
export async function hashOpened(handle: FileHandle, { signal, tell }: Hashing = {}): Promise<string> {
  const sha = createHash('sha256');
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let position = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) return sha.digest('hex');
    sha.update(chunk.subarray(0, bytesRead));
    position += bytesRead;
    tell?.(position);
  }
}
