import type { FileHandle } from 'node:fs/promises';
import { openScratchFile, readFully, writeFully } from '../files/read-write.js';
import type { StatePool } from '../forward/hidden-states.js';

/**
 * Hidden states that are read and written again and again, one array per place: in memory as far as the limit allows,
 * otherwise on disk.
 */
export interface StateShelf {
  /**
   * What was last written to a place. It belongs to the caller until the caller writes to the place or gives it back.
   */
  read(place: number): Promise<Float32Array>;
  /** Gives back what was read and has not changed. */
  giveBack(place: number, states: Float32Array): void;
  /** Writes to a place; the array belongs to the shelf from then on. */
  write(place: number, states: Float32Array): Promise<void>;
  close(): Promise<void>;
}

export interface StateShelfOptions {
  /** Number of values of each place. */
  readonly sizes: readonly number[];
  /** Most bytes in memory. */
  readonly limitBytes: number;
  /** Folder for an unnamed file that is used when memory is not enough. */
  readonly directory: string;
  readonly pool: StatePool;
}

/** As many of the first places as fit are in memory, and stay there, because each place is visited equally often. */
export function createStateShelf({ sizes, limitBytes, directory, pool }: StateShelfOptions): StateShelf {
  const inMemory = new Map<number, Float32Array>();
  const ends = sizes.map(
    (
      (sum) => (size: number) =>
        (sum += 4 * size)
    )(0),
  );
  const fits = (place: number): boolean => (ends[place] ?? Number.POSITIVE_INFINITY) <= limitBytes;
  const positionOf = (place: number): number => (ends[place] ?? 0) - 4 * (sizes[place] ?? 0);
  let file: Promise<FileHandle> | undefined;

  return {
    read: async (place) => {
      if (fits(place)) {
        const states = inMemory.get(place);
        inMemory.delete(place);
        if (states === undefined) throw new RangeError(`nothing was written to place ${place}`);
        return states;
      }
      if (file === undefined) throw new RangeError(`nothing was written to place ${place}`);
      const states = pool.take(sizes[place] ?? 0);
      await readFully(await file, bytesOf(states), positionOf(place), 'the scratch file');
      return states;
    },
    giveBack: (place, states) => {
      if (fits(place)) inMemory.set(place, states);
      else pool.give(states);
    },
    write: async (place, states) => {
      if (fits(place)) {
        inMemory.set(place, states);
        return;
      }
      file ??= openScratchFile(directory);
      await writeFully(await file, bytesOf(states), positionOf(place));
      pool.give(states);
    },
    close: async () => {
      inMemory.clear();
      await (await file)?.close();
    },
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
