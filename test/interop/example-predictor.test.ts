import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createClient, type DeepPartial, type PairSet } from '../../src/client/index.js';
import { hasTool, readCommands } from '../support/examples.js';
import { BOWL, SLOPE } from '../support/pair-sets.js';
import { listLeftBehind } from '../support/killed-server.js';
import { startServerChild } from '../support/server-child.js';
import { makeFolder } from '../support/test-server.js';

/* A predictor in Go, launched by the built server. Skipped where Go is missing. */

const EXAMPLE = resolve(import.meta.dirname, '../../examples/go-predictor');

describe('the example of a predictor in Go', () => {
  it('is launched by a server, and takes part in `auto` in a search, where it leads only if it predicts best', {
    timeout: 900_000,
  }, async ({ skip }) => {
    skip(!hasTool('go'), 'no go');
    for (const command of readCommands(EXAMPLE)) execFileSync('sh', ['-c', command], { cwd: EXAMPLE });

    const folder = await makeFolder();
    const start = () =>
      startServerChild(folder, { environment: { PRUNECAST_PLUGINS: `exec:${join(EXAMPLE, 'nearest')}` } });
    let server = await start();
    const client = createClient({ address: server.address });
    try {
      const report = await client.runSearch({
        model: 'stories260k',
        texts: { text: { source: { $case: 'path', value: 'stories260k/stories.json' } } },
        budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
        predictor: { id: 'auto', options: { folds: 3, among: ['ridge', 'nearest'] } },
        pairs: { count: 24, rungs: [{ tokenLimit: 2048n }] },
        rounds: 1,
      });
      const [ridge, nearest] = report.predictorScores;
      expect([ridge?.backend, nearest?.backend]).toEqual(['ridge', 'nearest']);
      expect(nearest).toMatchObject({ notTried: '', quality: { split: '3-fold' } });
      expect(report.verified).toBeGreaterThan(0);

      const choose = async (value: DeepPartial<PairSet>): Promise<string> => {
        const source = { $case: 'pairs', value } as const;
        const among = ['ridge', 'nearest'];
        const fitted = await client.runFitPredictor({
          source,
          predictor: { id: 'auto', options: { folds: 3, among } },
        });
        expect(fitted.scores.map(({ backend, notTried }) => [backend, notTried])).toEqual(among.map((id) => [id, '']));
        expect(fitted.scores.filter(({ chosen }) => chosen).map(({ backend }) => backend)).toEqual([fitted.backend]);
        return fitted.backend;
      };
      expect(await choose(BOWL)).toBe('nearest');
      expect(await choose(SLOPE)).toBe('ridge');

      const pairs = Array.from({ length: 8 }, (_, row) => ({ rates: [row / 10], metrics: { perplexity: 5 + row } }));
      const { id } = await client.runFitPredictor({
        source: {
          $case: 'pairs',
          value: { dimensions: ['layers.0.ffn_channels'], measurementFingerprint: 'm', fidelityDigest: 'f', pairs },
        },
        predictor: { id: 'nearest', options: { neighbours: 1 } },
      });
      await server.stop();
      server = await start(); // and its plug-in, which gets the stored predictor by LoadState
      const asked = { rates: Buffer.from(Float32Array.of(0.31).buffer), dimensions: 1 };
      const { predictions } = await client.predict({ predictorId: id, encodings: asked });
      expect(predictions[0]?.mean[0]).toBeCloseTo(8, 5); // that of the pair at 0.3
    } finally {
      client.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('ends with the server, also when that is killed', { timeout: 300_000 }, async ({ skip }) => {
    skip(!hasTool('go') || process.platform !== 'linux', 'no go, or no /proc');
    for (const command of readCommands(EXAMPLE)) execFileSync('sh', ['-c', command], { cwd: EXAMPLE });
    const folder = await makeFolder();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    expect(await listLeftBehind(folder, `exec:${join(EXAMPLE, 'nearest')}`)).toEqual([]);
  });
});
