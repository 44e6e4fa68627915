import { createHash, type Hash } from 'node:crypto';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { faultOfPath, MAX_FOLDER_FILES } from '../requests/upload-names.js';

/** What comes of an upload: the next bytes, and of a folder each file before its bytes. */
export type UploadPart = { readonly chunk: Uint8Array } | { readonly file: string };

/** What has come of an upload. */
export interface ReceivedUpload {
  /** SHA-256 (hex): of a file's contents, of a folder's list. */
  readonly digest: string;
  readonly bytes: number;
}

/** Hears of the bytes so far, before they are written. */
type Written = (bytes: number) => void;

/** Writes a new file, and syncs it. Throws INVALID_REQUEST for a part that is no chunk. */
export async function receiveFile(
  path: string,
  parts: AsyncIterable<UploadPart>,
  written: Written,
): Promise<ReceivedUpload> {
  let bytes = 0;
  const file = await startFile(path);
  try {
    for await (const part of parts) {
      if ('file' in part)
        throw PrunecastError.ofField('file', 'names a file of a folder, but the start said that one file comes');
      bytes += part.chunk.byteLength;
      written(bytes);
      await writeChunk(file, part.chunk);
    }
    await file.handle.sync();
    return { digest: file.hash.digest('hex'), bytes };
  } finally {
    await file.handle.close();
  }
}

/**
 * Writes the files of a new folder, and syncs them.
 *
 * @throws PrunecastError INVALID_REQUEST for a path that is not inside of the folder or comes twice, for more files than
 * a folder may have or none, and for a chunk before the first file
 */
export async function receiveFolder(
  folder: string,
  parts: AsyncIterable<UploadPart>,
  written: Written,
): Promise<ReceivedUpload> {
  const digests = new Map<string, string>();
  const syncs: Promise<void>[] = [];
  let bytes = 0;
  let current: (StartedFile & { readonly path: string }) | undefined;
  const finish = async (): Promise<void> => {
    if (current === undefined) return;
    const { path, handle, hash } = current;
    current = undefined;
    digests.set(path, hash.digest('hex'));
    const synced = handle.sync().finally(() => handle.close());
    synced.catch(() => undefined); // it is awaited with others, maybe after it has failed
    syncs.push(synced);
    if (syncs.length === SYNCS_AT_ONCE) await Promise.all(syncs.splice(0));
  };
  try {
    for await (const part of parts) {
      if ('file' in part) {
        await finish();
        if (digests.size === MAX_FOLDER_FILES)
          throw PrunecastError.ofField('file', `a folder has at most ${MAX_FOLDER_FILES} files, and more have come`);
        current = { path: part.file, ...(await startFileIn(folder, part.file)) };
      } else {
        if (current === undefined)
          throw PrunecastError.ofField('chunk', 'comes before a file of the folder was named: send `file` first');
        bytes += part.chunk.byteLength;
        written(bytes);
        await writeChunk(current, part.chunk);
      }
    }
    await finish();
    await Promise.all(syncs);
    if (digests.size === 0) throw PrunecastError.ofField('file', 'none has come: a folder has at least one file');
    return { digest: digestFolder(digests), bytes };
  } finally {
    await current?.handle.close();
    await Promise.allSettled(syncs);
  }
}

/** One after the other, thousands of small files would take a minute: a disk syncs many as fast as one. */
const SYNCS_AT_ONCE = 64;

/**
 * SHA-256 (hex) of a folder's list: of each file its own digest, two blanks, its path and a line feed, in the order of
 * the bytes of the paths, as `sha256sum` writes it.
 *
 * @param digests SHA-256 (hex) of each file, by its path
 */
export function digestFolder(digests: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  const lines = [...digests].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const [path, digest] of lines) hash.update(`${digest}  ${path}\n`);
  return hash.digest('hex');
}

interface StartedFile {
  readonly handle: FileHandle;
  readonly hash: Hash;
}

async function startFile(path: string): Promise<StartedFile> {
  return { handle: await open(path, 'wx', 0o600), hash: createHash('sha256') };
}

async function startFileIn(folder: string, path: string): Promise<StartedFile> {
  const fault = faultOfPath(path);
  if (fault !== undefined) throw PrunecastError.ofField('file.path', fault);
  try {
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    return await startFile(join(folder, path));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EEXIST' && code !== 'ENOTDIR' && code !== 'EISDIR') throw error;
    throw PrunecastError.ofField('file.path', 'is that of a file or folder that has come before: send each file once');
  }
}

async function writeChunk({ handle, hash }: StartedFile, chunk: Uint8Array): Promise<void> {
  hash.update(chunk);
  await handle.writeFile(chunk);
}
