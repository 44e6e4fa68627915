import { randomBytes } from 'node:crypto';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isFullDisk } from '../../../core/errors/full-disk.js';
import { measureFree } from './disk-room.js';
import { STATE_RESERVE } from './private-state.js';

/** Room that is kept for what must be stored even when the disk is full. */
export interface Reserve {
  /** Whether the room is kept; takes it if it can. */
  hold(): Promise<boolean>;
  /** Gives it free. Returns whether there was any. */
  release(): Promise<boolean>;
}

/** About a hundred changes of the states of jobs. */
const RESERVE_BYTES = 2 ** 20;

/** A file in the state folder that holds the room: it is of no other use. */
export function createReserve(stateDirectory: string): Reserve {
  const path = join(stateDirectory, STATE_RESERVE);
  let isHeld = false;
  /** One after the other: what is about to be removed is not kept. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (change: () => Promise<boolean>): Promise<boolean> => {
    const changed = last.then(change);
    last = changed;
    return changed;
  };
  return {
    hold: async () =>
      isHeld ||
      inTurn(async () => {
        const found = isHeld ? undefined : await stat(path).catch(() => undefined);
        isHeld ||= found?.size === RESERVE_BYTES || (await take(path, stateDirectory));
        return isHeld;
      }),
    release: () => {
      isHeld = false;
      return inTurn(async () => {
        isHeld = false;
        return rm(path).then(
          () => true,
          () => false,
        );
      });
    },
  };
}

/** Only where as much stays free, so that the next write does not meet the full disk again. */
async function take(path: string, stateDirectory: string): Promise<boolean> {
  const free = await measureFree(stateDirectory);
  if (free !== undefined && free < 2 * RESERVE_BYTES) return false;
  try {
    // Zeros would take no room on a disk that compresses.
    await writeFile(path, randomBytes(RESERVE_BYTES), { mode: 0o600, flush: true });
    return true;
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    // For whatever else it cannot be written: the database, in the same folder, has an error of its own for that.
    return !isFullDisk(error);
  }
}
