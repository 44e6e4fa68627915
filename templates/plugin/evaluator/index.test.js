import { deepEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listChecks } from 'prunecast/plugin/testing';
import plugin from './index.js';

describe('my-plugin', () => {
  for (const { name, run } of listChecks(plugin)) it(name, run);

  it('cuts a text into whole windows, and skips the beginning of each', async () => {
    const text = { tokens: Int32Array.from({ length: 11 }, (_, index) => index), digest: 'a text' };
    const { sequences } = plugin.plan(text, { window: 4, stride: 4, bos: false }, { skip: 1 });
    deepEqual(
      sequences.map(({ tokens, spans }) => [[...tokens], spans]),
      [
        [[0, 1, 2, 3], [{ from: 2, to: 4 }]],
        [[4, 5, 6, 7], [{ from: 2, to: 4 }]],
      ],
    );
  });
});
