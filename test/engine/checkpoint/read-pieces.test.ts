import { describe, expect, it } from 'vitest';
import { createPieceMemory, placeIn } from '../../../src/engine/checkpoint/piece-memory.js';
import { readPieces, type ReadableRows } from '../../../src/engine/checkpoint/read-pieces.js';

const COLUMNS = 1024 * 1024; // one row is one piece

/** A tensor of bytes whose rows all hold their own number, counted from `base` on; they come after random waits. */
function numbered(rows: number, base: number, asked: number[] = []): ReadableRows {
  return {
    name: 'w',
    shape: [rows, COLUMNS],
    read: async ({ first, count } = { first: 0, count: rows }, memory) => {
      asked.push(first);
      await new Promise((resolve) => setTimeout(resolve, 3 * ((7 * first) % 3)));
      return placeIn(memory, count * COLUMNS).fill(base + first);
    },
  };
}

const holds = (piece: Uint8Array, value: number): boolean =>
  piece.length === COLUMNS && piece.every((byte) => byte === value);

describe('readPieces', () => {
  it('leaves a piece as it is until the one after the next is asked for, from one tensor to another', async () => {
    const memory = createPieceMemory();
    const pieces: Uint8Array[] = [];
    for (const [rows, base] of [
      [5, 0],
      [1, 5],
      [4, 6],
    ] as const)
      for await (const piece of readPieces(numbered(rows, base), rows * COLUMNS, memory)) {
        await new Promise((resolve) => setTimeout(resolve, 10)); // what is read ahead has come
        pieces.push(piece);
        const last = pieces.length - 1;
        expect([last, holds(piece, last)]).toEqual([last, true]);
        const before = pieces[last - 1];
        expect(before === undefined || holds(before, last - 1)).toBe(true);
      }
    expect(pieces).toHaveLength(10);
    // Four pieces' memory was used for all of them.
    expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBe(4);
  });

  it('reads two pieces ahead, and none that does not exist', async () => {
    const asked: number[] = [];
    const pieces = readPieces(numbered(4, 0, asked), 4 * COLUMNS);
    await pieces.next();
    expect(asked).toEqual([0, 1, 2]);
    await pieces.next();
    await pieces.next();
    await pieces.next();
    expect((await pieces.next()).done).toBe(true);
    expect(asked).toEqual([0, 1, 2, 3]);
  });

  it('refuses a tensor that has not the bytes of its shape', async () => {
    const short: ReadableRows = { name: 'w', shape: [2, COLUMNS], read: async () => new Uint8Array(8) };
    await expect(readPieces(short, 2 * COLUMNS).next()).rejects.toThrow(/w has 8 bytes from row 0 on/);
  });
});

describe('placeIn', () => {
  it('takes new memory in place of some that is too small, so that no bytes are lost', () => {
    const offered = new Uint8Array(8);
    expect([placeIn(offered, 8).buffer === offered.buffer, placeIn(offered, 9).length]).toEqual([true, 9]);
  });
});
