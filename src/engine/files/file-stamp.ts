import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/**
 * Identifies a file and its last change: device, inode, size, and the times of the last write and the last change in
 * nanoseconds.
 */
export type FileStamp = string;

/**
 * Equal for a file that has not changed. Tools can set the time of the last write, but not that of the last change
 * (ctime).
 */
export function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileStamp {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

/** Longer than two changes can have the same time: the kernel's clock for files ticks every 4 to 10 ms. */
const TICK_MS = 20;

/** The same for file systems with times in whole seconds (old NFS and ext3) or every other second (FAT). */
const COARSE_TICK_MS = 2000;

/** A file that is written all the time is given up after this many ticks, mostly one second. */
const MOST_TICKS = 50;

/**
 * The stamp of an open file, once its last change is so long ago that every later change shows in the stamp. Git
 * compares the contents of such "racily clean" files; waiting for a tick costs less. undefined for a file that keeps
 * changing.
 */
export async function settleStamp(handle: FileHandle, signal?: AbortSignal): Promise<FileStamp | undefined> {
  let last: FileStamp | undefined;
  for (let ticks = 0; ticks < MOST_TICKS; ticks += 1) {
    const stats = await handle.stat({ bigint: true });
    const stamp = stampOf(stats);
    if (stamp === last) return stamp; // nothing has changed it for a whole tick, whatever the clock says
    const tickMs = stats.ctimeNs % 1_000_000_000n === 0n ? COARSE_TICK_MS : TICK_MS;
    if (Date.now() - Number(stats.ctimeMs) > tickMs) return stamp;
    last = stamp;
    await setTimeout(tickMs);
    signal?.throwIfAborted();
  }
  return undefined;
}
