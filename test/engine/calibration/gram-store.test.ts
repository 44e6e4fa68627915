import { readdir, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelShape } from '../../../src/core/model/shape.js';
import { createGramStore, type GramStore, type HalfPlace } from '../../../src/engine/calibration/gram-store.js';
import { makeFolder } from '../../support/test-server.js';

/** Two layers: matrices of 2 x 2 and 3 x 3, and of 4 x 4 only; 16 + 36 + 64 bytes. */
const shape: ModelShape = {
  family: 'llama',
  hidden: 2,
  headDim: 2,
  vocabulary: 2,
  tiedEmbeddings: true,
  queryKeyNorms: false,
  biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
  layers: [
    { kvHeads: 1, queryHeadsPerKv: 1, ffnChannels: 3 },
    { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 4 },
  ],
};
const BYTES = 16 + 36 + 64;
const places: readonly (HalfPlace & { readonly values: number })[] = [
  { layer: 0, half: 'attention', values: 4 },
  { layer: 0, half: 'ffn', values: 9 },
  { layer: 1, half: 'ffn', values: 16 },
];

let directory = '';
beforeEach(async () => {
  directory = await makeFolder();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function fill(store: GramStore, key: string, first: number): Promise<void> {
  store.open(key);
  for (const share of [1, 2]) {
    for (const { values, ...place } of places)
      await store.add(
        key,
        place,
        Float64Array.from({ length: values }, (_, at) => first + at),
        share,
      );
  }
}

/** Added once, and then twice again. */
const expected = (first: number): number[][] =>
  places.map(({ values }) => Array.from({ length: values }, (_, at) => 3 * (first + at)));
const read = (store: GramStore, key: string): Promise<number[][]> =>
  Promise.all(places.map(async (place) => [...((await store.read(key, place)) ?? [])]));

describe('createGramStore', () => {
  it.each([0, 60, BYTES, 10 * BYTES])(
    'returns the sums of what was added, with %i bytes in memory',
    async (limitBytes) => {
      const store = createGramStore(shape, { limitBytes, directory });
      await fill(store, 'a', 1);
      await fill(store, 'b', 100);
      expect([await read(store, 'a'), await read(store, 'b')]).toEqual([expected(1), expected(100)]);
      await store.limit(20);
      expect([await read(store, 'a'), await read(store, 'b')]).toEqual([expected(1), expected(100)]);
      await fill(store, 'a', 7); // started again: nothing of the earlier sums is left
      expect([await read(store, 'a'), await read(store, 'b')]).toEqual([expected(7), expected(100)]);
      expect(await readdir(directory)).toEqual([]); // nothing that a crash could leave behind
      await store.close();
    },
  );

  it('drops the least recently used of more than four calibrations, and keeps the others', async () => {
    const store = createGramStore(shape, { limitBytes: 50, directory });
    for (const [index, key] of ['a', 'b', 'c', 'd'].entries()) await fill(store, key, index);
    expect(store.bytesWith()).toBe(4 * BYTES);
    await read(store, 'a');
    await fill(store, 'e', 50);
    expect(store.has('b')).toBe(false);
    expect(await store.read('b', { layer: 0, half: 'ffn' })).toBeUndefined();
    for (const [key, first] of [
      ['a', 0],
      ['c', 2],
      ['d', 3],
      ['e', 50],
    ] as const)
      expect(await read(store, key)).toEqual(expected(first));
    await store.close();
  });
});
