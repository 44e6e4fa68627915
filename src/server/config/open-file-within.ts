import { constants, type Stats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Reason } from '../../core/errors/reasons.js';
import { findOpened } from '../../engine/files/open-within.js';
import { requireRealWithin, resolveWithin, type PathField } from './resolve-within.js';

export interface FileField extends PathField {
  /** The reason for a file that is not plain or is too large; INVALID_REQUEST by default. */
  readonly invalid?: Reason;
  readonly maxBytes: number;
}

/** A plain file under a root, open for reading. */
export interface OpenedFile {
  readonly handle: FileHandle;
  /** The real path that it was found by. */
  readonly file: string;
  readonly stats: Stats;
}

/**
 * Opens a file that a request names. Pipes and devices are not opened, since that could wait for ever. A link that took
 * the place of the file meanwhile is not followed, and where the opened file lies is looked at again: a link may have
 * taken the place of a folder on the way.
 *
 * @throws PrunecastError as `resolveWithin`, and `invalid`
 */
export async function openFileWithin(roots: readonly string[], path: string, place: FileField): Promise<OpenedFile> {
  const { field, invalid = 'INVALID_REQUEST', maxBytes } = place;
  const file = await resolveWithin(roots, path, place);
  requirePlain(await stat(file).catch(refuse(place)), field, invalid);
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(
    refuse(place),
  );
  try {
    const stats = await handle.stat();
    requirePlain(stats, field, invalid);
    await requireRealWithin(roots, await findOpened(handle, file), path, place);
    if (stats.size > maxBytes)
      throw PrunecastError.ofField(field, `the file has ${stats.size} bytes; at most ${maxBytes} are read`, invalid);
    return { handle, file, stats };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** All bytes of an opened file. Throws if it was truncated meanwhile. */
export async function readOpened(
  { handle, stats: { size } }: OpenedFile,
  field: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(size - done, READ_BYTES), done);
    if (bytesRead === 0)
      throw PrunecastError.ofField(
        field,
        `the file was cut to ${done} of its ${size} bytes while it was read: send it again when it is complete`,
      );
    done += bytesRead;
  }
  return bytes;
}

/** The kernel reads at most 2 GiB at once, and smaller reads let others use the disk. */
const READ_BYTES = 64 * 2 ** 20;

function requirePlain(stats: Stats, field: string, invalid: Reason): void {
  if (stats.isFile()) return;
  throw PrunecastError.ofField(
    field,
    stats.isDirectory() ? 'is a folder: name a file in it' : `is ${nameKind(stats)}: only plain files are read`,
    invalid,
  );
}

function nameKind(stats: Stats): string {
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'a device' : 'no file';
}

function refuse({ field, missing, invalid = 'INVALID_REQUEST' }: FileField) {
  return (error: NodeJS.ErrnoException): never => {
    switch (error.code) {
      case 'ENOENT':
        throw PrunecastError.ofField(field, 'was removed while it was opened', missing);
      case 'EACCES':
      case 'EPERM':
        throw PrunecastError.ofField(field, 'may not be read by the server: give its user the right to', invalid);
      case 'ELOOP':
      case 'ENXIO':
        throw PrunecastError.ofField(field, 'is not a plain file: only plain files are read', invalid);
      default:
        throw error;
    }
  };
}
