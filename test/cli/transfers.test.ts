import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCuttableProxy, type CuttableProxy } from '../support/cuttable-proxy.js';
import { startVerbServer, type VerbServer } from '../server/verbs/verb-server.js';
import { readJsonLines, runCli } from './run-cli.js';

/** Many chunks. */
const LARGE = randomBytes(24 * 2 ** 20);

let verbs: VerbServer;
let proxy: CuttableProxy;
/** The caller's folder: the server reads nothing in it. */
let here = '';
beforeAll(async () => {
  verbs = await startVerbServer({ config: { listen: ['127.0.0.1:0'] } });
  proxy = await startCuttableProxy(verbs.server.address);
  here = await mkdtemp(join(tmpdir(), 'prunecast-here-'));
  await mkdir(verbs.path('outputs', 'large'), { recursive: true });
  await writeFile(verbs.path('outputs', 'large', 'model.bin'), LARGE);
  const source = { model: 'm', checkpoint_digest: 'c', parameters: 9 };
  const manifest = { source, exporter: { id: 'other' }, files: { 'model.bin': LARGE.length } };
  await writeFile(verbs.path('outputs', 'large', 'prunecast.json'), JSON.stringify(manifest));
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await verbs[Symbol.asyncDispose]();
  await rm(here, { recursive: true, force: true });
});

const run = (...args: readonly string[]) => runCli([...args, '--address', proxy.address], { cwd: here });
const TIMEOUT = { timeout: 120_000 };

describe('outputs download', TIMEOUT, () => {
  it('goes on after a connection that breaks in the middle, and brings every byte', async () => {
    proxy.cutAfter(10 * 2 ** 20);
    const before = proxy.connections();
    const { code, stdout, stderr } = await run('outputs', 'download', 'large');
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: /lost the server.*\n.*the server is back/ });
    expect(proxy.connections()).toBe(before + 2);
    expect(stdout).toContain('2 files');
    expect((await readFile(join(here, 'large', 'model.bin'))).equals(LARGE)).toBe(true);
    expect(await readdir(here)).toEqual(['large']);
  });

  it('goes on with what one left that was killed', async () => {
    await mkdir(join(here, '.again.prunecast-partial'));
    await writeFile(join(here, '.again.prunecast-partial', 'model.bin'), LARGE.subarray(0, LARGE.length - 7));
    const { code, stdout } = await run('outputs', 'download', 'large', '--to', 'again', '--json');
    expect(code).toBe(0);
    expect(readJsonLines(stdout)).toMatchObject([{ files: 2, kept_bytes: LARGE.length - 7 }]);
    expect((await readFile(join(here, 'again', 'model.bin'))).equals(LARGE)).toBe(true);
  });

  it('of an output that is not there names it, and leaves nothing', async () => {
    const before = await readdir(here);
    const { code, stderr } = await run('outputs', 'download', 'larg');
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: /OUTPUT_NOT_FOUND.*larg/s });
    expect(await readdir(here)).toEqual(before);
  });
});

describe('uploads add', TIMEOUT, () => {
  it('sends a folder, whose path an evaluator of another command reads', async () => {
    const row = 'Where is the bone?,arm,leg,head,foot,B\n';
    const files = { 'dev/anatomy_dev.csv': row.repeat(5), 'test/anatomy_test.csv': row.repeat(4) };
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(here, 'mmlu', file)), { recursive: true });
      await writeFile(join(here, 'mmlu', file), text);
    }
    const { stdout } = await run('uploads', 'add', 'mmlu');
    const path = stdout.trim();
    expect(path).toMatch(/^uploads\/folder-[0-9a-f]{64}\/mmlu$/);
    const listed = await run('uploads', 'list', '--json');
    expect(readJsonLines(listed.stdout)).toMatchObject([
      { path, folder: true, files: 2, bytes: String(9 * row.length) },
    ]);
    const ask = ['--model', 'stories260k', '--dense', '--text', path, '--evaluator', 'mmlu', '--json'];
    const evaluated = await run('evaluate', ...ask);
    const results = readJsonLines(evaluated.stdout) as readonly { readonly evaluation?: { readonly items?: number } }[];
    expect(results.find(({ evaluation }) => evaluation !== undefined)?.evaluation).toMatchObject({
      items: 4,
      metrics: { accuracy: expect.any(Number) as number },
    });
    expect((await run('uploads', 'delete', path)).code).toBe(0);
    await expect(stat(verbs.path('state', 'uploaded', path))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    ['absent', /absent is not there/],
    ['/dev/null', /is no file and no folder/],
  ])('of %s is refused before a server is asked', async (path, message) => {
    const { code, stderr } = await run('uploads', 'add', path);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: message });
  });

  it('that breaks off leaves nothing at the server', async () => {
    await writeFile(join(here, 'large.bin'), LARGE);
    const digest = createHash('sha256').update(LARGE).digest('hex');
    const uploading = run('uploads', 'add', 'large.bin');
    const partial = verbs.path('state', 'uploaded', '.partial');
    await expect.poll(() => readdir(partial).catch(() => []), { timeout: 60_000, interval: 1 }).not.toEqual([]);
    proxy.cut();
    const { code, stderr } = await uploading;
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: /UNAVAILABLE: the connection broke after about \d+ of \d+ bytes.*nothing is stored/,
    });
    await expect.poll(() => readdir(partial)).toEqual([]);
    expect((await run('uploads', 'list', '--json')).stdout).not.toContain(digest);
  });
});
