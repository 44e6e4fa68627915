import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrunecastError } from '../../src/core/errors/prunecast-error.js';
import type { LayerUnits } from '../../src/core/ports/criterion.js';
import { pluginFailed } from '../../src/core/ports/plugin-errors.js';
import { createRng } from '../../src/core/random.js';
import { loadPlugin } from '../../src/plugin-host/import-plugins.js';
import { writePlugin } from '../support/fixture-plugins.js';

const twoOf = (version: string) => `export default ['one', 'two'].map((id, index) => plugin.defineCriterion({
  id, version: '${version}', summary: 'Scores.', needs: [], options: plugin.z.strictObject({}),
  score: ({ units }) => new Float32Array(units.length).fill(index + 1),
}));`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-plugins-'));
});
afterAll(() => rm(folder, { recursive: true }));

const layer: LayerUnits = { layer: 0, kind: 'ffn_channel', units: [{ weights: [], columns: [] }], rng: createRng(1) };

describe('loadPlugin', () => {
  it('takes the one of a module that has the kind and the id', async () => {
    const { href: moduleUrl } = writePlugin(join(folder, 'both.mjs'), twoOf('1.0.0'));
    const scores = await Promise.all(
      ['one', 'two'].map(async (id) =>
        (await loadPlugin({ moduleUrl, kind: 'criterion', id, version: '1.0.0' })).score?.(layer, {}),
      ),
    );
    expect(scores).toEqual([Float32Array.of(1), Float32Array.of(2)]);
  });

  it.each([
    ['another version', { kind: 'criterion', id: 'one', version: '1.0.0' }],
    ['another id', { kind: 'criterion', id: 'three', version: '2.0.0' }],
    ['another kind', { kind: 'exporter', id: 'one', version: '2.0.0' }],
  ] as const)('refuses a module that now holds %s than the server loaded', async (name, address) => {
    const { href: moduleUrl } = writePlugin(join(folder, `${name.replace(' ', '-')}.mjs`), twoOf('2.0.0'));
    await expect(loadPlugin({ moduleUrl, ...address })).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: expect.stringContaining('criterion "one" 2.0.0, criterion "two" 2.0.0') as string,
      metadata: address,
    });
  });

  it('hands on a PrunecastError of another copy of the package, and says PLUGIN_FAILED for any other error', async () => {
    const { href: moduleUrl } = writePlugin(
      join(folder, 'throwing.mjs'),
      `class PrunecastError extends Error { name = 'PrunecastError'; reason = 'CALIBRATION_UNUSABLE'; metadata = { layer: '3' }; }
      export default ['own', 'plain'].map((id) => plugin.defineCriterion({
        id, summary: 'Throws.', needs: [], options: plugin.z.strictObject({}),
        score: () => { throw id === 'own' ? new PrunecastError('too few') : new TypeError('no luck'); },
      }));`,
    );
    const [own, plain] = await Promise.all(
      ['own', 'plain'].map(async (id) => {
        const criterion = await loadPlugin({ moduleUrl, kind: 'criterion', id, version: undefined });
        return thrownBy(() => criterion.score?.(layer, {}));
      }),
    );
    expect(own).toBeInstanceOf(PrunecastError);
    expect(own).toMatchObject({ reason: 'CALIBRATION_UNUSABLE', message: 'too few', metadata: { layer: '3' } });
    expect(plain).toMatchObject({
      reason: 'PLUGIN_FAILED',
      message: 'criterion "plain" failed in score(): no luck',
      metadata: { kind: 'criterion', id: 'plain', method: 'score' },
    });
  });
});

describe('an error of a plug-in', () => {
  it('names the plug-in also where it threw what has no text', async () => {
    const { href: moduleUrl } = writePlugin(
      join(folder, 'odd.mjs'),
      `export default plugin.defineCriterion({
        id: 'odd', summary: 'Throws.', needs: [], options: plugin.z.strictObject({}),
        score: () => { throw { toString() { throw new Error('no text'); } }; },
      });`,
    );
    const criterion = await loadPlugin({ moduleUrl, kind: 'criterion', id: 'odd', version: undefined });
    expect(await thrownBy(() => criterion.score?.(layer, {}))).toMatchObject({
      reason: 'PLUGIN_FAILED',
      message: 'criterion "odd" failed in score(): it threw a value of Object',
    });
  });

  it.each([
    ['ERR_WORKER_OUT_OF_MEMORY', 'MEMORY_EXCEEDED', undefined],
    ['EMFILE', 'OVERLOADED', 5000],
  ])(
    'names the plug-in in whose call the system had no more (%s), and keeps the reason',
    (code, reason, retryAfterMs) => {
      const call = { kind: 'predictor', id: 'greedy', method: 'fit' } as const;
      expect(pluginFailed(call, Object.assign(new Error('no more'), { code }))).toMatchObject({
        reason,
        retryAfterMs,
        message: expect.stringMatching(/^predictor "greedy" failed in fit\(\): the (system|server) has /) as string,
        metadata: call,
      });
    },
  );
});

async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    return error;
  }
}
