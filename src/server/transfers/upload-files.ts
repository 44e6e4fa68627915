import type { Stats } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isFullDisk } from '../../core/errors/full-disk.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import { createSerializer } from '../jobs/serialize.js';
import { createId } from '../records/create-id.js';
import { receiveFile, receiveFolder, type UploadPart } from './receive-upload.js';
import {
  faultOfName,
  findUploadOf,
  isDigest,
  pathOfUpload,
  placeOfUpload,
  readDigestFolder,
  UPLOADS_FOLDER,
  type UploadKind,
  type UploadPlace,
} from '../requests/upload-names.js';

/** A stored file or folder. */
export interface StoredUpload extends UploadPlace {
  /** Relative to the folder of all uploads: `uploads/<digest>/stories.jsonl`. */
  readonly path: string;
  readonly bytes: number;
  /** Those of a folder; 1 for a file. */
  readonly files: number;
  readonly uploadedMs: number;
  /** When it was last uploaded or read. */
  readonly usedMs: number;
}

/** What a caller says beforehand of what it sends. */
export interface UploadAnnouncement {
  readonly kind: UploadKind;
  readonly name: string;
  /** Empty if it was not told. */
  readonly digest: string;
  readonly bytes: number | undefined;
}

/** Files and folders that callers have sent, each under the digest of its contents. */
export interface UploadFiles {
  /** Stores an upload: whole, or not at all. Throws what `parts` throw, INVALID_REQUEST, UPLOADS_FULL, STORAGE_FULL. */
  add(announced: UploadAnnouncement, parts: AsyncIterable<UploadPart>): Promise<StoredUpload>;
  list(): Promise<readonly StoredUpload[]>;
  /** `undefined` for a path of no upload. */
  find(path: string): Promise<StoredUpload | undefined>;
  /** Notes that an upload is about to be read, if the path of a request leads to one. */
  noteUse(path: string): Promise<void>;
  /** One that is not there any more is no error. */
  remove(upload: UploadPlace): Promise<void>;
  /**
   * Removes those that were last uploaded or read before `beforeMs`, but for those whose digests `findKept` names. What
   * uses one meanwhile waits, and then finds it or finds that it is gone. Returns what it removed.
   */
  removeUnused(
    beforeMs: number,
    findKept: (uploads: readonly StoredUpload[]) => Promise<ReadonlySet<string>>,
  ): Promise<readonly StoredUpload[]>;
  /** Removes what broken uploads left. To be called before any upload. */
  removeBroken(): Promise<void>;
}

export interface UploadSettings {
  /** The folder of all uploads; created when it is needed. */
  readonly root: string;
  /** The most bytes of all together. */
  readonly limitBytes: number;
  readonly clock: Clock;
}

const PARTIAL = '.partial';

/** The folder of all uploads: a data root like those of the settings. */
export function uploadsRootOf(stateDirectory: string): string {
  return join(stateDirectory, 'uploaded');
}

export function createUploadFiles({ root, limitBytes, clock }: UploadSettings): UploadFiles {
  /** What looks at uploads or changes them does so in its turn: each sees what those before it have done. */
  const inTurn = createSerializer();
  /** Bytes that uploads under way have written, by their partial folders. */
  const partial = new Map<string, number>();
  let stored = 0;

  const list = async (): Promise<StoredUpload[]> => {
    const uploads: StoredUpload[] = [];
    for (const folder of await namesIn(join(root, UPLOADS_FOLDER))) {
      const place = readDigestFolder(folder);
      for (const name of place === undefined ? [] : await namesIn(join(root, UPLOADS_FOLDER, folder))) {
        const found = place === undefined ? undefined : await describe({ ...place, name });
        if (found !== undefined) uploads.push(found);
      }
    }
    return uploads;
  };
  const describe = async (place: UploadPlace): Promise<StoredUpload | undefined> => {
    const path = pathOfUpload(place);
    const [own, digestFolder] = await Promise.all([statOf(join(root, path)), statOf(dirname(join(root, path)))]);
    if (own === undefined || digestFolder === undefined) return undefined;
    if (place.kind === 'file' ? !own.isFile() : !own.isDirectory()) return undefined;
    const { files, bytes } = place.kind === 'file' ? { files: 1, bytes: own.size } : await measure(join(root, path));
    const uploadedMs = own.mtimeMs;
    return { ...place, path, bytes, files, uploadedMs, usedMs: Math.max(uploadedMs, digestFolder.mtimeMs) };
  };
  /** Of the folder of the digest: the time of a file itself says when it was uploaded. */
  const stampUse = async (place: UploadPlace): Promise<void> => stamp(dirname(join(root, pathOfUpload(place))));
  const stamp = async (path: string): Promise<void> => {
    const seconds = clock.now() / 1000;
    await utimes(path, seconds, seconds).catch(ignoreMissing);
  };
  /** Makes an upload that is there a new one; `undefined` if it is not there. */
  const renew = async (place: UploadPlace): Promise<StoredUpload | undefined> => {
    if ((await describe(place)) === undefined) return undefined;
    await stamp(join(root, pathOfUpload(place)));
    await stampUse(place);
    return describe(place);
  };
  const requireRoom = (coming = 0): void => {
    const taken = stored + [...partial.values()].reduce((sum, bytes) => sum + bytes, 0);
    if (taken + coming <= limitBytes) return;
    throw new PrunecastError(
      'UPLOADS_FULL',
      `uploads may take ${limitBytes} bytes together, and ${taken} are taken: delete some, send less, or raise uploadBytes`,
      { metadata: { limit: String(limitBytes), taken: String(taken) } },
    );
  };
  const remove = async (place: UploadPlace): Promise<void> => {
    const path = join(root, pathOfUpload(place));
    const aside = join(root, PARTIAL, createId('upload'));
    await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
    await rename(path, aside).catch(ignoreMissing); // at once: a folder is never there in part
    await rm(aside, { recursive: true, force: true });
    await rmdir(dirname(path)).catch(() => undefined); // another name may have the same contents
    stored = sumOf(await list());
  };
  /** Gives what has come its place, unless the same is there. */
  const settle = async (from: string, place: UploadPlace): Promise<StoredUpload> => {
    const same = await renew(place);
    if (same !== undefined) return same;
    const path = join(root, pathOfUpload(place));
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(from, path);
    const added = await renew(place);
    if (added === undefined) throw new Error(`${path} was removed while it was stored`);
    return added;
  };

  return {
    list: () => inTurn(list),
    find: async (path) => {
      const place = placeOfUpload(path);
      return place === undefined ? undefined : inTurn(() => describe(place));
    },
    noteUse: async (path) => {
      const place = findUploadOf(root, path);
      if (place !== undefined) await inTurn(() => stampUse(place));
    },
    add: async (announced, parts) => {
      const { kind, name, digest: expected, bytes: size } = announced;
      requireAnnouncement(announced);
      if (expected !== '') {
        const known = await inTurn(() => renew({ kind, digest: expected, name }));
        if (known !== undefined) return known;
      }
      await inTurn(async () => {
        stored = sumOf(await list());
      });
      requireRoom(size);
      const folder = join(root, PARTIAL, createId('upload'));
      const own = join(folder, name);
      partial.set(folder, 0);
      try {
        await mkdir(kind === 'folder' ? own : folder, { recursive: true, mode: 0o700 });
        const { digest, bytes } = await (kind === 'folder' ? receiveFolder : receiveFile)(own, parts, (written) => {
          partial.set(folder, written);
          requireRoom();
        });
        if (expected !== '' && digest !== expected)
          throw PrunecastError.ofField(
            'start.digest',
            `is ${expected}, but what has come has ${digest}: send it again`,
          );
        if (size !== undefined && bytes !== size)
          throw PrunecastError.ofField('start.bytes', `is ${size}, but ${bytes} bytes have come: send the file again`);
        return await inTurn(async () => {
          const settled = await settle(own, { kind, digest, name });
          stored = sumOf(await list());
          partial.delete(folder);
          return settled;
        });
      } catch (error) {
        throw toStorageError(error);
      } finally {
        partial.delete(folder);
        await rm(folder, { recursive: true, force: true });
      }
    },
    remove: (upload) => inTurn(() => remove(upload)),
    removeUnused: (beforeMs, findKept) =>
      inTurn(async () => {
        const unused = (await list()).filter(({ usedMs }) => usedMs < beforeMs);
        const kept = await findKept(unused);
        const removed = unused.filter(({ digest }) => !kept.has(digest));
        for (const upload of removed) await remove(upload);
        return removed;
      }),
    removeBroken: () => rm(join(root, PARTIAL), { recursive: true, force: true }),
  };
}

/** The files under a folder. */
async function measure(folder: string): Promise<{ readonly files: number; readonly bytes: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  );
  return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function sumOf(uploads: readonly StoredUpload[]): number {
  return uploads.reduce((sum, { bytes }) => sum + bytes, 0);
}

function requireAnnouncement({ name, digest }: UploadAnnouncement): void {
  const fault = faultOfName(name);
  if (fault !== undefined) throw PrunecastError.ofField('start.name', fault);
  if (digest !== '' && !isDigest(digest))
    throw PrunecastError.ofField('start.digest', 'is no SHA-256 in 64 small hexadecimal digits');
}

async function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
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
  if (!isFullDisk(error)) return error;
  return new PrunecastError(
    'STORAGE_FULL',
    'the disk of the state folder is full: free some space and send the file again',
    { metadata: { folder: 'stateDirectory' }, cause: error },
  );
}
