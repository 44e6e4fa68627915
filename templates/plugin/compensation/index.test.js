import { deepEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listChecks } from 'prunecast/plugin/testing';
import plugin from './index.js';

describe('my-plugin', () => {
  for (const { name, run } of listChecks(plugin)) it(name, run);

  it('adds the mean output of the removed row', async () => {
    const half = {
      weights: Float32Array.of(1, 2, 3, 4),
      rows: 2,
      hidden: 2,
      mean: Float64Array.of(10, 0.5),
      multiplyTransposed: () => Promise.reject(new Error('not needed')),
    };
    const prepared = await plugin.prepare(half, { share: 1 });
    deepEqual(await prepared.compensate(1), { weights: Float32Array.of(1, 2), bias: Float32Array.of(1.5, 2) });
  });
});
