import { stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { digestBytes, digestOpened, type Hashing } from './digest.js';
import { settleStamp, stampOf, type FileStamp } from './file-stamp.js';
import { malformed } from './model-errors.js';
import { openWithin, type CheckpointPlace } from './open-within.js';
import { readFully } from './read-write.js';

/** A file as it was when it was first read. */
export interface FileRecord {
  /** undefined: the file did not exist. */
  readonly stamp: FileStamp | undefined;
  /** SHA-256 of its contents; undefined until it is asked for. */
  readonly digest: string | undefined;
}

/**
 * The files that a checkpoint is read from. Each is remembered as it was when it was first read. Every later read gives
 * the same contents or throws MODEL_CHANGED, so a digest always names what was read. A file whose stamp has changed is
 * hashed again: one that was only touched, linked or replaced by an equal file counts as unchanged.
 *
 * All methods throw PATH_OUTSIDE_ROOTS, MODEL_MALFORMED and OVERLOADED as `openWithin` does.
 */
export interface CheckpointFiles extends CheckpointPlace {
  /** All of a file; undefined if it does not exist. Throws MODEL_MALFORMED if it is longer than `maxBytes`. */
  read(file: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Whether a file exists; from then on it belongs to the files that the checkpoint is read from. */
  has(file: string): Promise<boolean>;
  /** What `work` reads from an open file; `work` may be called again. The file stays open until `close`. */
  use<Result>(file: string, work: (handle: FileHandle) => Promise<Result>): Promise<Result>;
  /** SHA-256 of a file, computed once as long as the file does not change. */
  digest(file: string, hashing?: Hashing): Promise<string>;
  /** The state of all files, so that another thread can check against it. */
  records(): ReadonlyMap<string, FileRecord>;
  /** A file that has changed or has been added since; undefined if there is none. */
  findChanged(signal?: AbortSignal): Promise<string | undefined>;
  /**
   * Throws MODEL_CHANGED if `findChanged` finds a file. Looks at every file of the checkpoint, and reads only those
   * that were touched.
   */
  requireUnchanged(signal?: AbortSignal): Promise<void>;
  /** All of a file in the folder that is not part of the checkpoint itself, as it is now. */
  readBeside(file: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Closes the open files as soon as their last reader is done; a later read opens them again. */
  close(): Promise<void>;
}

interface OpenFile {
  readonly handle: Promise<FileHandle | undefined>;
  readers: number;
  closing: boolean;
}

/** @param known the state of the files when they were first read; empty by default */
export function createCheckpointFiles(
  place: CheckpointPlace,
  known: ReadonlyMap<string, FileRecord> = new Map(),
): CheckpointFiles {
  const records = new Map(known);
  const open = new Map<string, OpenFile>();

  const closeUnused = async (file: OpenFile): Promise<void> => {
    if (file.closing && file.readers === 0) await (await file.handle.catch(() => undefined))?.close();
  };
  const giveUp = (file: string): Promise<void> => {
    const entry = open.get(file);
    if (entry === undefined) return Promise.resolve();
    open.delete(file);
    entry.closing = true;
    return closeUnused(entry);
  };
  const openFile = (file: string): OpenFile => {
    const entry: OpenFile = { handle: openWithin(place, file), readers: 0, closing: false };
    const forget = (): void => {
      if (open.get(file) === entry) open.delete(file);
    };
    entry.handle.then((handle) => (handle === undefined ? forget() : undefined), forget);
    open.set(file, entry);
    return entry;
  };
  const withHandle = async <Result>(
    file: string,
    work: (handle: FileHandle | undefined) => Promise<Result>,
  ): Promise<Result> => {
    const entry = open.get(file) ?? openFile(file);
    open.delete(file);
    open.set(file, entry); // now the most recently used
    entry.readers += 1;
    for (const longestUnused of open.keys()) {
      if (open.size <= MOST_OPEN) break;
      await giveUp(longestUnused);
    }
    try {
      return await work(await entry.handle);
    } finally {
      entry.readers -= 1;
      await closeUnused(entry);
    }
  };

  /** Whether an open file has the recorded contents; if nothing is recorded, records them. */
  const isSame = async (file: string, handle: FileHandle | undefined, signal?: AbortSignal): Promise<boolean> => {
    const record = records.get(file);
    if (record?.stamp === undefined || handle === undefined) {
      if (record === undefined)
        records.set(file, {
          stamp: handle === undefined ? undefined : await settle(handle, file, signal),
          digest: undefined,
        });
      return record === undefined || (record.stamp === undefined && handle === undefined);
    }
    if (stampOf(await handle.stat({ bigint: true })) === record.stamp) return true;
    if (record.digest === undefined) return false;
    const stamp = await settle(handle, file, signal);
    if ((await digestOpened(handle, stamp, signal === undefined ? {} : { signal })) !== record.digest) return false;
    records.set(file, { ...record, stamp });
    return true;
  };

  /** What `work` reads between two looks at the file; read again if the file was touched in between. */
  const readSame = async <Result>(
    file: string,
    work: (handle: FileHandle | undefined) => Promise<Result>,
  ): Promise<Result> =>
    withHandle(file, async (handle) => {
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt += 1) {
        if (!(await isSame(file, handle))) throw changed(file);
        const before = records.get(file)?.stamp;
        const result = await work(handle).catch(async (error: unknown) => {
          throw (await isSame(file, handle)) ? error : changed(file, error);
        });
        if (handle === undefined || stampOf(await handle.stat({ bigint: true })) === before) return result;
      }
      throw changed(file);
    });

  const findChanged = async (signal?: AbortSignal): Promise<string | undefined> => {
    const stamps = await Promise.all(
      Array.from(records, async ([file, { stamp }]) => ({
        file,
        stamp,
        now: await readStamp(join(place.directory, file)),
      })),
    );
    for (const { file, stamp, now } of stamps) {
      if (now === stamp) continue;
      await giveUp(file); // the open file may no longer be the one under this name
      try {
        if (!(await withHandle(file, (handle) => isSame(file, handle, signal)))) return file;
      } finally {
        await giveUp(file);
      }
    }
    return undefined;
  };

  return {
    ...place,
    read: async (file, maxBytes) => {
      try {
        return await readSame(file, async (handle) => {
          if (handle === undefined) return undefined;
          const bytes = await readWhole(handle, file, maxBytes);
          records.set(file, { stamp: records.get(file)?.stamp, digest: digestBytes(bytes) });
          return bytes;
        });
      } finally {
        await giveUp(file);
      }
    },
    has: (file) => readSame(file, async (handle) => handle !== undefined),
    use: (file, work) =>
      readSame(file, async (handle) => {
        if (handle === undefined) throw changed(file);
        return work(handle);
      }),
    digest: (file, hashing) =>
      readSame(file, async (handle) => {
        const { stamp, digest: found } = records.get(file) ?? {};
        const digest =
          found ??
          (handle === undefined || stamp === undefined ? undefined : await digestOpened(handle, stamp, hashing));
        if (digest === undefined) throw changed(file);
        records.set(file, { stamp, digest });
        return digest;
      }),
    records: () => records,
    findChanged,
    requireUnchanged: async (signal) => {
      const file = await findChanged(signal);
      if (file !== undefined) throw changed(file);
    },
    readBeside: async (file, maxBytes) => {
      const handle = await openWithin(place, file);
      try {
        return handle === undefined ? undefined : await readWhole(handle, file, maxBytes);
      } finally {
        await handle?.close();
      }
    },
    close: async () => {
      await Promise.all(Array.from(open.keys(), giveUp));
    },
  };
}

async function readWhole(handle: FileHandle, file: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await handle.stat();
  if (size > maxBytes) throw malformed(file, `has ${size} bytes; at most ${maxBytes} are read`);
  const bytes = new Uint8Array(size);
  await readFully(handle, bytes, 0, file);
  return bytes;
}

/** Most files of a checkpoint that are open at a time. Llama-3.1-405B has 191, mostly read one after the other. */
const MOST_OPEN = 32;

/** How often a file is read again because it was touched during the read. */
const MOST_ATTEMPTS = 3;

/** MODEL_CHANGED: what was measured before no longer holds for the files there are now. */
function changed(file: string, cause?: unknown): PrunecastError {
  return new PrunecastError(
    'MODEL_CHANGED',
    `${file}: has changed since the checkpoint was opened: results so far hold for the old file; send the request again to use the new one`,
    { metadata: { file }, cause },
  );
}

async function settle(handle: FileHandle, file: string, signal: AbortSignal | undefined): Promise<FileStamp> {
  const stamp = await settleStamp(handle, signal);
  if (stamp !== undefined) return stamp;
  throw new PrunecastError(
    'MODEL_CHANGED',
    `${file}: is being written while it is read: send the request again when it is complete`,
    { metadata: { file } },
  );
}

/** undefined if the file does not exist or cannot be examined. */
async function readStamp(path: string): Promise<FileStamp | undefined> {
  return stat(path, { bigint: true }).then(stampOf, () => undefined);
}
