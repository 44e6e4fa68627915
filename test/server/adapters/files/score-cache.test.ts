import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UnitScores } from '../../../../src/core/model/unit-scores.js';
import type { ScoreCache } from '../../../../src/core/ports/score-cache.js';
import { createScoreCache } from '../../../../src/server/adapters/files/score-cache.js';
import { makeFolder } from '../../../support/test-server.js';

/** Two layers, the second without an FFN; 4 * (1 + 6 + 9) + 32 bytes on disk. */
const scores: UnitScores[] = [
  { ffnChannels: Float32Array.of(1, Infinity, -0), queryHeads: Float32Array.of(0.1, 2), kvGroups: Float32Array.of(7) },
  { ffnChannels: Float32Array.of(), queryHeads: Float32Array.of(3, 4), kvGroups: Float32Array.of(5) },
];
const ENTRY_BYTES = 4 * (1 + 6 + 9) + 32;
const keys = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64)) as [string, string, string, string];

let directory = '';
let failures: unknown[] = [];
const openCache = (limitBytes = 10_000): ScoreCache =>
  createScoreCache({ directory: join(directory, 'scores'), limitBytes, failed: (error) => failures.push(error) });
const entryOf = (key: string): string => join(directory, 'scores', `${key}.scores`);

beforeEach(async () => {
  directory = await makeFolder();
  failures = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('createScoreCache', () => {
  it('returns what was kept, bit for bit, to the next one that opens the folder', async () => {
    await openCache().put(keys[0], scores);
    expect(await openCache().get(keys[0])).toEqual(scores);
    expect(await openCache().get(keys[1])).toBeUndefined();
    expect(await readdir(join(directory, 'scores'))).toEqual([`${keys[0]}.scores`]);
  });

  it.each([
    ['a bit', (bytes: Buffer) => bytes.fill(bytes.readUInt8(40) ^ 1, 40, 41)],
    ['its end', (bytes: Buffer) => bytes.subarray(0, bytes.length - 5)],
    ['everything', () => Buffer.alloc(0)],
  ] as const)('gives nothing of an entry that lost %s, and takes it away', async (_, damage) => {
    const cache = openCache();
    await cache.put(keys[0], scores);
    await writeFile(entryOf(keys[0]), damage(await readFile(entryOf(keys[0]))));
    expect(await cache.get(keys[0])).toBeUndefined();
    expect(await readdir(join(directory, 'scores'))).toEqual([]);
    await cache.put(keys[0], scores);
    expect(await cache.get(keys[0])).toEqual(scores);
    expect(failures).toEqual([]);
  });

  it('lets the longest unused go when the limit is reached', async () => {
    const cache = openCache(3 * ENTRY_BYTES);
    for (const [place, key] of keys.slice(0, 3).entries()) {
      await cache.put(key, scores);
      await utimes(entryOf(key), 1000 + place, 1000 + place);
    }
    expect(await cache.get(keys[0])).toEqual(scores); // used: now the newest
    await cache.put(keys[3], scores);
    expect((await readdir(join(directory, 'scores'))).toSorted()).toEqual(
      [keys[0], keys[2], keys[3]].map((key) => `${key}.scores`),
    );
  });

  it('keeps nothing that alone is over the limit', async () => {
    const cache = openCache(ENTRY_BYTES - 1);
    await cache.put(keys[0], scores);
    expect(await cache.get(keys[0])).toBeUndefined();
    await openCache(ENTRY_BYTES).put(keys[0], scores);
    expect(await openCache(ENTRY_BYTES).get(keys[0])).toEqual(scores);
  });

  it('reports a folder that cannot be used, and fails no job', async () => {
    await writeFile(join(directory, 'scores'), 'a file in its place');
    const cache = openCache();
    await cache.put(keys[0], scores);
    expect(await cache.get(keys[0])).toBeUndefined();
    expect(failures).toHaveLength(2);
  });
});
