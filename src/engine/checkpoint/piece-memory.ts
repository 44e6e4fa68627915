/*
 * Memory that is used again: gigabytes of new memory would keep the garbage collector busy. All of it is shared between
 * threads: what one asks for is filled by another, and nothing is copied.
 */

/** Memory for a while. */
export interface SpareMemory {
  /** At least so many bytes, of any contents. */
  take(bytes: number): Uint8Array;
  giveBack(memory: Uint8Array): void;
}

export function createSpareMemory(): SpareMemory {
  const spare: Uint8Array[] = []; // as many as were ever in use at once
  return {
    take: (bytes) => enlarge(spare.pop(), bytes),
    giveBack: (memory) => void spare.push(memory),
  };
}

/** Pieces that are read while one is used: whoever reads has the next question when it has answered one. */
export const PIECES_AHEAD = 2;

/** Memory for the pieces of one tensor after the other. */
export interface PieceMemory {
  /** At least so many bytes for the next piece; it takes those of the piece that was used before the last. */
  next(bytes: number): Uint8Array;
}

export function createPieceMemory(): PieceMemory {
  const places: Uint8Array[] = [];
  let pieces = 0;
  return {
    next: (bytes) => {
      const place = pieces % (PIECES_AHEAD + 2); // one is used, and one may still be written
      pieces += 1;
      const memory = enlarge(places[place], bytes);
      places[place] = memory;
      return memory;
    },
  };
}

/** The beginning of memory that somebody offers, or new memory if it is too small. */
export function placeIn(memory: Uint8Array | undefined, bytes: number): Uint8Array {
  return memory === undefined || memory.length < bytes ? new Uint8Array(bytes) : memory.subarray(0, bytes);
}

function enlarge(memory: Uint8Array | undefined, bytes: number): Uint8Array {
  return memory === undefined || memory.length < bytes ? new Uint8Array(new SharedArrayBuffer(bytes)) : memory;
}
