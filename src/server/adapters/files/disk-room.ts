import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DiskRoom } from '../../../core/ports/disk-room.js';

/** The room on the disks of these folders, or of the nearest folders above that exist. */
export function createDiskRoom({
  stateDirectory,
  outputRoot,
}: {
  readonly stateDirectory: string;
  readonly outputRoot: string;
}): DiskRoom {
  return {
    freeBytes: ({ folder, output = '' }) =>
      measureFree(folder === 'outputRoot' ? resolve(outputRoot, dirname(output)) : stateDirectory),
  };
}

/** Bytes that this user may still write on the disk of a folder; `undefined` if the system does not tell. */
export async function measureFree(folder: string): Promise<number | undefined> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch {
      if (dirname(path) === path) return undefined;
    }
  }
}
