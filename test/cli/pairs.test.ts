import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJsonLines, runCli } from './run-cli.js';

const MODEL = resolve(import.meta.dirname, '../../models/stories260k');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-pairs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const local = (...args: readonly string[]) => runCli([...args, '--state-dir', join(folder, 'state')]);

describe('prunecast pairs and predictors', () => {
  it('sample pairs, carry them through a file, and explain, list and delete what is fitted on them', async () => {
    const sampled = await local(
      'pairs',
      'sample',
      '--model',
      MODEL,
      '--text',
      join(MODEL, 'stories.json'),
      '--remove',
      '20%',
      '--protect',
      'none',
      '--pairs',
      '24',
      '--pair-tokens',
      '256',
      '--criterion',
      'magnitude',
      '--compensation',
      'none',
    );
    expect(sampled).toMatchObject({ code: 0 });
    const [, study = ''] = /^study (\S+): 24 pairs, 6,144 tokens$/m.exec(sampled.stdout) ?? [];
    const exported = await local('pairs', 'export', study);
    expect(readJsonLines(exported.stdout)).toHaveLength(25);
    const file = join(folder, 'pairs.jsonl');
    writeFileSync(file, exported.stdout);
    const imported = await local('pairs', 'import', file);
    expect(imported.code).toBe(0);
    const [, other = ''] = /^study (\S+): 24 pairs$/m.exec(imported.stdout) ?? [];
    expect(other).not.toBe(study);
    const fitted = await local('predictors', 'fit', other, '--predictor', 'ridge');
    expect(fitted).toMatchObject({ code: 0 });
    const [, predictor = ''] = /^predictor (\S+): ridge of perplexity, 24 pairs$/m.exec(fitted.stdout) ?? [];
    expect((await local('predictors', 'list')).stdout).toContain(predictor);
    expect((await local('predictors', 'explain', predictor)).stdout).toMatch(/^layers\.4\.ffn_channels/m);
    expect((await local('predictors', 'delete', predictor)).code).toBe(0);
    expect(await local('predictors', 'get', predictor)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PREDICTOR_NOT_FOUND') as string,
    });
  }, 180_000);
});
