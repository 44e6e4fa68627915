import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PrunedModel, PrunedTensor } from '../../../src/core/ports/exporter.js';
import { spoolTensors } from '../../../src/server/pruning/spool-tensors.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'prunecast-spool-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A model of tensors whose bytes are their length, and how often each was read. */
function makeModel(lengths: Readonly<Record<string, number>>) {
  const reads: string[] = [];
  const tensors = Object.entries(lengths).map(
    ([name, length]): PrunedTensor => ({
      name,
      dtype: 'F32',
      shape: [length / 4],
      read: async () => {
        reads.push(name);
        return new Uint8Array(length).fill(length);
      },
    }),
  );
  return { reads, model: { tensors } as unknown as PrunedModel };
}

it('computes each of the named tensors once, in whatever order and however often they are read', async () => {
  const { reads, model } = makeModel({ one: 4, two: 8, three: 12 });
  const spooled = await spoolTensors(model, new Set(['one', 'three']), directory);
  const [one, two, three] = spooled.model.tensors as [PrunedTensor, PrunedTensor, PrunedTensor];
  // One reader has them in another order than the other, and asks for several at once.
  const first = await Promise.all([three.read(), one.read(), two.read()]);
  const second = [await one.read(), await two.read(), await three.read()];
  expect(first).toEqual([12, 4, 8].map((length) => new Uint8Array(length).fill(length)));
  expect(second).toEqual([4, 8, 12].map((length) => new Uint8Array(length).fill(length)));
  expect(reads.toSorted()).toEqual(['one', 'three', 'two', 'two']);
  expect(await three.read({ first: 1, count: 2 })).toEqual(new Uint8Array(8).fill(12));
  await spooled.close();
  expect(await readdir(directory)).toEqual([]);
});

it('fails again for a tensor that could not be computed, and gives the others', async () => {
  const { model } = makeModel({ good: 4 });
  const bad: PrunedTensor = { name: 'bad', dtype: 'F32', shape: [1], read: () => Promise.reject(new Error('no room')) };
  const spooled = await spoolTensors(
    { ...model, tensors: [bad, ...model.tensors] },
    new Set(['bad', 'good']),
    directory,
  );
  const [failing, good] = spooled.model.tensors;
  for (let reader = 0; reader < 2; reader += 1) await expect(failing?.read()).rejects.toThrow('no room');
  expect(await good?.read()).toEqual(new Uint8Array(4).fill(4));
  await spooled.close();
});
