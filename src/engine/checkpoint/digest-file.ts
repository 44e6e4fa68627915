import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';

/** Bytes hashed in one turn of the event loop: about a millisecond. */
const CHUNK_BYTES = 1024 * 1024;

/** Under path, size and modification time, so that a changed file never gets an old digest. */
const known = new Map<string, Promise<string>>();

/** Most digests remembered. */
const MAX_KNOWN = 4096;

/** SHA-256 of a file, streamed; computed once in a process for each path, size and modification time. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<string> {
  const { size, mtimeNs } = await stat(path, { bigint: true });
  const key = `${await realpath(path)}\n${size}\n${mtimeNs}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size >= MAX_KNOWN) known.clear();
  const digest = hash(path, signal);
  known.set(key, digest);
  digest.catch(() => known.delete(key));
  return digest;
}

async function hash(path: string, signal: AbortSignal | undefined): Promise<string> {
  const sha = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES, ...(signal === undefined ? {} : { signal }) })) {
    sha.update(chunk as Buffer);
  }
  return sha.digest('hex');
}
