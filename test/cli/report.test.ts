import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Control } from '../../src/client/index.js';
import { smallSearch, startVerbServer, type VerbServer } from '../server/verbs/verb-server.js';
import { startCli } from './run-cli.js';

let verbs: VerbServer;
let studyId: string;
let summary: string;

const run = (...args: readonly string[]) => startCli([...args, '--address', verbs.server.address]).result;
const report = (...args: readonly string[]) => run('report', studyId, ...args);

/** A search of seconds, as flags say it. */
const SEARCH = `search --model stories260k --text words.txt --remove 20% --protect none --criterion magnitude
  --compensation none --predictor ridge --strategy random --pairs 20 --pair-tokens 128 --verify 2 --verify-tokens 128
  --report-tokens 128 --window 64 --rounds 1 --candidates 100 --controls uniform-paper`.split(/\s+/);

const answerIn = (text: string) => /the winner [^\n]+/i.exec(text)?.[0];

describe('prunecast report', () => {
  beforeAll(async () => {
    verbs = await startVerbServer();
    ({ studyId, summary } = await verbs.client.runSearch(smallSearch({ controls: [Control.UNIFORM_PAPER] })));
    mkdirSync(verbs.path('texts'), { recursive: true });
    const story = 'Once upon a time there was a small dog who liked to run in the park with his friend. ';
    writeFileSync(verbs.path('texts', 'words.txt'), story.repeat(200));
  });
  afterAll(() => verbs[Symbol.asyncDispose]());

  it('tells the outcome and how to repeat it on the terminal', async () => {
    const { code, stdout } = await report();
    expect(code).toBe(0);
    expect(stdout).toContain(summary);
    expect(stdout).toContain('uniform-paper');
    expect(stdout).toContain('prunecast search \\\n  --model stories260k');
  });

  it('prints Markdown, or the numbers as JSON and nothing else', async () => {
    const [markdown, json] = await Promise.all([report('--markdown'), report('--json')]);
    expect(markdown.stdout).toMatch(/^# Pruning stories260k\n/);
    expect(JSON.parse(json.stdout)).toMatchObject({ study: { id: studyId }, metric: 'perplexity' });
  });

  it('writes a page to a new file, or over an old one with --overwrite only', async () => {
    const file = verbs.path('report.html');
    expect(await report('--html', file)).toMatchObject({ code: 0, stdout: `wrote ${file}\n` });
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/);
    writeFileSync(file, 'mine');
    expect(await report('--html', file)).toMatchObject({ code: 2, stdout: '' });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await report('--html', file, '--overwrite')).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/);
  });

  it('is written by a search at its end, and the command in it makes the same study and page, though the output exists', async () => {
    const [file, missing] = [verbs.path('found.html'), verbs.path('nowhere', 'found.html')];
    expect(await run(...SEARCH, '--report', missing)).toMatchObject({ code: 2, stdout: '' });
    const { code, stdout } = await run(...SEARCH, '--output', 'winner', '--report', file);
    expect(code).toBe(0);
    expect(stdout).toContain(`wrote ${file}`);
    const [, written = ''] = /<pre[^>]*><code>prunecast (search[^<]*)/.exec(readFileSync(file, 'utf8')) ?? [];
    const page = verbs.path('reproduced.html');
    const again = await run(...written.replace('reproduced.html', page).split(/\s+(?:\\\n\s*)?/));
    expect(again.code).toBe(0);
    expect(readFileSync(page, 'utf8').slice(0, 15)).toBe('<!doctype html>');
    expect(answerIn(again.stdout)).toMatch(/perplexity of/);
    expect(answerIn(again.stdout)).toBe(answerIn(stdout));
    expect(existsSync(missing)).toBe(false);
  });
});
