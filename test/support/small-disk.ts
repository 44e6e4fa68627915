import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, of a few megabytes. */
export interface SmallDisk {
  readonly folder: string;
  /** Makes it larger, or able to be written or not. */
  remount(options: string): void;
  remove(): void;
}

/** Whether this user may mount file systems; tests that need one are skipped elsewhere, and counted. */
export const CAN_MOUNT = canMount();

export function makeSmallDisk(size: string): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'prunecast-disk-'));
  const mountPoint = join(folder, 'disk');
  mkdirSync(mountPoint);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', mountPoint]);
  return {
    folder: mountPoint,
    remount: (options) => void execFileSync('mount', ['-o', `remount,${options}`, mountPoint], { stdio: 'pipe' }),
    remove: () => {
      // Lazily: a process that was killed a moment ago may still have files there.
      execFileSync('umount', ['-l', mountPoint]);
      rmSync(folder, { recursive: true });
    },
  };
}

function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    makeSmallDisk('64k').remove();
    return true;
  } catch {
    return false;
  }
}
