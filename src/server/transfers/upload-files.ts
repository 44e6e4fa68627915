import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import { createId } from '../records/create-id.js';

/** A stored file. */
export interface StoredUpload {
  /** Relative to the folder of all uploads: `uploads/<digest>/stories.jsonl`. */
  readonly path: string;
  readonly name: string;
  /** SHA-256 (hex). */
  readonly digest: string;
  readonly bytes: number;
  readonly uploadedMs: number;
}

/** What a caller says beforehand of the file that it sends. */
export interface UploadAnnouncement {
  readonly name: string;
  /** Empty if it was not told. */
  readonly digest: string;
  readonly bytes: number | undefined;
}

/** Files that callers have sent, each under the digest of its contents. */
export interface UploadFiles {
  /** Stores a file: whole, or not at all. Throws what `chunks` throw, INVALID_REQUEST, UPLOADS_FULL, STORAGE_FULL. */
  add(announced: UploadAnnouncement, chunks: AsyncIterable<Uint8Array>): Promise<StoredUpload>;
  list(): Promise<readonly StoredUpload[]>;
  /** `undefined` for a path of no upload. */
  find(path: string): Promise<StoredUpload | undefined>;
  /** One that is not there any more is no error. */
  remove(upload: StoredUpload): Promise<void>;
  /** Removes what broken uploads left. To be called before any upload. */
  sweep(): Promise<void>;
}

export interface UploadSettings {
  /** The folder of all uploads; created when it is needed. */
  readonly root: string;
  /** The most bytes of all together. */
  readonly limitBytes: number;
  readonly clock: Clock;
}

/** Holds the digests. It is part of every path, so that no name under a data root is taken for one. */
const FOLDER = 'uploads';
const PARTIAL = '.partial';
const DIGEST = /^[0-9a-f]{64}$/;

/** The folder of all uploads: a data root like those of the settings. */
export function uploadsRootOf(stateDirectory: string): string {
  return join(stateDirectory, 'uploaded');
}

export function createUploadFiles({ root, limitBytes, clock }: UploadSettings): UploadFiles {
  /** Bytes that uploads under way have written, by their partial files. */
  const partial = new Map<string, number>();

  const list = async (): Promise<StoredUpload[]> => {
    const uploads: StoredUpload[] = [];
    for (const digest of await namesIn(join(root, FOLDER)))
      for (const name of DIGEST.test(digest) ? await namesIn(join(root, FOLDER, digest)) : []) {
        const found = await describe(digest, name);
        if (found !== undefined) uploads.push(found);
      }
    return uploads;
  };
  const describe = async (digest: string, name: string): Promise<StoredUpload | undefined> => {
    const path = `${FOLDER}/${digest}/${name}`;
    const found = await stat(join(root, path)).catch(() => undefined);
    return found?.isFile() === true ? { path, name, digest, bytes: found.size, uploadedMs: found.mtimeMs } : undefined;
  };
  const touch = async (upload: StoredUpload): Promise<StoredUpload> => {
    const now = clock.now();
    await utimes(join(root, upload.path), now / 1000, now / 1000);
    return { ...upload, uploadedMs: now };
  };
  const requireRoom = (stored: number, coming = 0): void => {
    const taken = stored + [...partial.values()].reduce((sum, bytes) => sum + bytes, 0);
    if (taken + coming <= limitBytes) return;
    throw new PrunecastError(
      'UPLOADS_FULL',
      `uploads may take ${limitBytes} bytes together, and ${taken} are taken: delete some, send less, or raise uploadBytes`,
      { metadata: { limit: String(limitBytes), taken: String(taken) } },
    );
  };

  return {
    list,
    find: async (path) => {
      const [folder, digest = '', name = '', ...rest] = path.split('/');
      if (folder !== FOLDER || !DIGEST.test(digest) || faultOf(name) !== undefined || rest.length > 0) return undefined;
      return describe(digest, name);
    },
    add: async (announced, chunks) => {
      const { name, digest: expected, bytes: size } = announced;
      requireAnnouncement(announced);
      const known = expected === '' ? undefined : await describe(expected, name);
      if (known !== undefined) return touch(known);
      const stored = (await list()).reduce((sum, { bytes }) => sum + bytes, 0);
      requireRoom(stored, size);
      const file = join(root, PARTIAL, createId('upload'));
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      partial.set(file, 0);
      try {
        const { digest, bytes } = await receive(file, chunks, (written) => {
          partial.set(file, written);
          requireRoom(stored);
        });
        if (expected !== '' && digest !== expected)
          throw PrunecastError.ofField(
            'start.digest',
            `is ${expected}, but what has come has ${digest}: send it again`,
          );
        if (size !== undefined && bytes !== size)
          throw PrunecastError.ofField('start.bytes', `is ${size}, but ${bytes} bytes have come: send the file again`);
        const same = await describe(digest, name);
        if (same !== undefined) return await touch(same);
        const path = `${FOLDER}/${digest}/${name}`;
        await mkdir(join(root, FOLDER, digest), { recursive: true, mode: 0o700 });
        await rename(file, join(root, path));
        return { path, name, digest, bytes, uploadedMs: clock.now() };
      } catch (error) {
        throw toStorageError(error);
      } finally {
        partial.delete(file);
        await rm(file, { force: true });
      }
    },
    remove: async ({ path }) => {
      await unlink(join(root, path)).catch(ignoreMissing);
      // Another name may have the same contents.
      await rm(dirname(join(root, path)), { recursive: false, force: true }).catch(() => undefined);
    },
    sweep: () => rm(join(root, PARTIAL), { recursive: true, force: true }),
  };
}

/** Writes chunks to a new file, and syncs it. @param written hears of the bytes so far, before they are written */
async function receive(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  written: (bytes: number) => void,
): Promise<{ readonly digest: string; readonly bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const handle = await open(file, 'wx', 0o600);
  try {
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      written(bytes);
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { digest: hash.digest('hex'), bytes };
}

function requireAnnouncement({ name, digest }: UploadAnnouncement): void {
  const fault = faultOf(name);
  if (fault !== undefined) throw PrunecastError.ofField('start.name', fault);
  if (digest !== '' && !DIGEST.test(digest))
    throw PrunecastError.ofField('start.digest', 'is no SHA-256 in 64 small hexadecimal digits');
}

/** A name that no file system takes for something else. */
function faultOf(name: string): string | undefined {
  if (name === '') return 'is empty: it is required';
  if (name.startsWith('.')) return 'begins with a dot: name a file that is not hidden';
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return /[/\\\u0000-\u001f]/.test(name)
    ? 'has a slash or a control character: give the name without folders'
    : undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

function toStorageError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new PrunecastError(
    'STORAGE_FULL',
    'the disk of the state folder is full: free some space and send the file again',
    {
      cause: error,
    },
  );
}
