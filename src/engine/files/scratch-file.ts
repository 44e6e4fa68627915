import { randomUUID } from 'node:crypto';
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** A new file to read and write that has no name any more: it is gone with its handle, or with the process. */
export async function openScratchFile(directory: string): Promise<FileHandle> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `prunecast-${randomUUID()}.scratch`);
  const handle = await open(path, 'wx+', 0o600);
  await rm(path);
  return handle;
}
