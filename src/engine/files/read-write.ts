import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { malformed } from './model-errors.js';

/** Most bytes per read: the kernel reads at most 2 GiB at once, and smaller reads let others use the disk. */
const MAX_READ_BYTES = 64 * 1024 * 1024;

/** Fills `target` from a position of the file. Throws MODEL_MALFORMED if the file ends too early. */
export async function readFully(handle: FileHandle, target: Uint8Array, position: number, file: string): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await handle.read(
      target,
      done,
      Math.min(target.length - done, MAX_READ_BYTES),
      position + done,
    );
    if (bytesRead === 0)
      throw malformed(
        file,
        `ends at ${position + done}, before the ${target.length} bytes from ${position}: it is truncated`,
      );
    done += bytesRead;
  }
}

/** Writes all bytes, at `position` or, if omitted, where the handle stands. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    // Node writes at most 2 GiB per call.
    const { bytesWritten } = await handle.write(
      bytes,
      done,
      Math.min(bytes.length - done, 64 * 1024 * 1024),
      position === undefined ? null : position + done,
    );
    done += bytesWritten;
  }
}

/** A new file to read and write. It has no name any more, so it disappears with its handle or with the process. */
export async function openScratchFile(directory: string): Promise<FileHandle> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `prunecast-${randomUUID()}.scratch`);
  const handle = await open(path, 'wx+', 0o600);
  await rm(path);
  return handle;
}
