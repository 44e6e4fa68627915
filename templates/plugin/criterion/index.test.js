import { deepEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRng } from 'prunecast/plugin';
import { listChecks } from 'prunecast/plugin/testing';
import plugin from './index.js';

describe('my-plugin', () => {
  for (const { name, run } of listChecks(plugin)) it(name, run);

  it('multiplies the norm of the output weights and the strength of their inputs', async () => {
    const column = { weights: Float32Array.of(3, 4), mean: 0, meanSquare: 4 };
    const layer = {
      layer: 0,
      kind: /** @type {const} */ ('ffn_channel'),
      units: [{ weights: [], columns: [column] }],
      rng: createRng(1),
    };
    deepEqual(await plugin.score(layer, { power: 1 }), Float32Array.of(10));
    deepEqual(await plugin.score(layer, { power: 2 }), Float32Array.of(20));
  });
});
