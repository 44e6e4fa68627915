import type { FileHandle } from 'node:fs/promises';
import { openScratchFile } from '../files/read-write.js';
import { readFully, writeFully } from '../files/read-write.js';
import type { StatePool } from '../forward/hidden-states.js';

/** Hidden states of places that are read and written again and again: in memory as far as a limit goes, on disk beyond it. */
export interface StateShelf {
  /** What was last written to a place; the caller's own until it writes to the place, or gives it back. */
  read(place: number): Promise<Float32Array>;
  /** What was read and has not changed. */
  giveBack(place: number, states: Float32Array): void;
  /** The shelf's own from here on. */
  write(place: number, states: Float32Array): Promise<void>;
  close(): Promise<void>;
}

export interface StateShelfOptions {
  /** Values of each place. */
  readonly sizes: readonly number[];
  /** Most bytes in memory. */
  readonly limitBytes: number;
  /** Where a file without a name is made when memory does not do. */
  readonly directory: string;
  readonly pool: StatePool;
}

/** The first places lie in memory, as many as it holds, and stay there: each is visited as often as any other. */
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
