import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO_DIRECTORY } from '../support/demo-model.js';
import { runCli } from './run-cli.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-front-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const SMALL = `--remove 20% --protect none --criterion magnitude --compensation none --pairs 24 --pair-tokens 128
  --rounds 1 --candidates 100 --verify 2 --verify-tokens 128 --report-tokens 128 --predictor ridge
  --controls uniform-paper --objective perplexity --objective parameters`;

const search = (...options: readonly string[]) =>
  runCli(
    ['search', '--model', DEMO_DIRECTORY, '--text', join(DEMO_DIRECTORY, 'stories.json'), ...SMALL.split(/\s+/)].concat(
      options,
    ),
    { cwd: folder },
  );

describe('a search for two objectives on the command line', () => {
  it('takes options of the strategy that it uses by default, and prints the front', async () => {
    const { code, stdout, stderr } = await search(
      '--strategy-option',
      'population=20',
      '--strategy-option',
      'waves=0.5',
    );
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^front \(verify windows\)$/m);
  }, 180_000);

  it('names that strategy if it has no such option', async () => {
    const { code, stderr } = await search('--strategy-option', 'radii=[1]', '--dry-run');
    expect(code).not.toBe(0);
    expect(stderr).toContain('strategy "nsga2"');
    expect(stderr).toContain('--strategy-option radii');
  }, 180_000);
});
