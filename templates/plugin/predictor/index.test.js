import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listChecks } from 'prunecast/plugin/testing';
import plugin from './index.js';

describe('my-plugin', () => {
  for (const { name, run } of listChecks(plugin)) it(name, run);

  it('gives the label of the nearest pair if it asks one', async () => {
    const pairs = { dimensions: ['a'], rates: Float32Array.of(0, 0.5, 1), targets: Float64Array.of(1, 2, 4) };
    const fitted = await plugin.fit(pairs, { neighbours: 1 }, 7);
    const { mean } = await fitted.predict({ rates: Float32Array.of(0.7), columns: 1 });
    equal(mean[0], 2);
  });
});
