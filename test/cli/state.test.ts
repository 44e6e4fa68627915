import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, JobState } from '../../src/client/index.js';
import { CAN_MOUNT, makeSmallDisk } from '../support/small-disk.js';
import { startServerChild, type ServerChild } from '../support/server-child.js';
import { makeFolder } from '../support/test-server.js';
import { DEMO, smallSearch, tokenText } from '../server/verbs/verb-server.js';
import { readJsonLines, runCli } from './run-cli.js';

let folder = '';
let server: ServerChild;
beforeAll(async () => {
  folder = await makeFolder();
  server = await startServerChild(folder);
  const client = createClient({ address: server.address });
  await client.runSearch(smallSearch({ requestId: 'search', pairs: { count: 16, rungs: [{ tokenLimit: 256n }] } }));
  await client.runEvaluate(evaluation('first', 0));
  client.close();
}, 120_000);
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** An Evaluate of one window; each number makes another text. */
const evaluation = (requestId: string, number: number) => ({
  requestId,
  model: DEMO,
  measurement: { text: tokenText(Array.from({ length: 128 }, (_, index) => 3 + ((7 * index + number) % 500))) },
});

const state = (...args: readonly string[]) => runCli(['state', ...args, '--state-dir', join(folder, 'state')]);

interface BackupLine {
  readonly folder: string;
  readonly digest: string;
  readonly jobs: number;
  readonly labels: number;
  readonly studies: number;
}

describe('prunecast state', () => {
  it('backs up while the server writes, and a server on the backup has all jobs, and labels that nobody pays again', async () => {
    const target = join(folder, 'backup');
    const client = createClient({ address: server.address });
    const done = new AbortController();
    const writing = (async () => {
      let jobs = 0;
      for (; !done.signal.aborted; jobs++) await client.runEvaluate(evaluation(`while-${jobs}`, 1 + jobs));
      return jobs;
    })();
    const { code, stdout, stderr } = await state('backup', target, '--json');
    done.abort();
    expect(await writing).toBeGreaterThan(0);
    client.close();
    expect([code, stderr]).toEqual([0, '']);
    const [line] = readJsonLines(stdout) as [BackupLine];
    expect(line.folder).toBe(target);
    expect(line.jobs).toBeGreaterThanOrEqual(2);
    expect(line.studies).toBe(1);
    const bytes = await readFile(join(target, 'prunecast.db'));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(line.digest);
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);

    const elsewhere = join(folder, 'restored');
    await mkdir(elsewhere);
    const restored = await startServerChild(elsewhere, { stateDirectory: target });
    const second = createClient({ address: restored.address });
    const { jobs } = await second.services.jobs.listJobs({ pageSize: 1000 });
    expect(jobs).toHaveLength(line.jobs);
    expect(jobs.filter(({ requestId }) => requestId === 'search' || requestId === 'first')).toMatchObject([
      { state: JobState.SUCCEEDED },
      { state: JobState.SUCCEEDED },
    ]);
    const { studies } = await second.services.studies.listStudies({});
    expect(studies).toHaveLength(1);
    const again: unknown[] = [];
    for await (const { payload } of second.evaluate(evaluation('again', 0)))
      if (payload?.$case === 'ended') again.push(payload.value.result);
    expect(again).toMatchObject([{ $case: 'evaluate', value: { evaluated: 1, tokensSpent: 0n } }]);
    second.close();
    expect(await restored.stop()).toBe(0);
  }, 120_000);

  it('backs up to no folder that has something in it, and leaves nothing behind', async () => {
    const target = join(folder, 'taken');
    await mkdir(target);
    await writeFile(join(target, 'mine'), 'x');
    const { code, stderr } = await state('backup', target);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/is not empty: name a folder that is not there yet/)]);
    expect(await readdir(target)).toEqual(['mine']);
    const nothing = await runCli(['state', 'backup', join(folder, 'x'), '--state-dir', target]);
    expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringMatching(/has no prunecast\.db/)]);
    const unchecked = await runCli(['state', 'check', '--state-dir', target]);
    expect([unchecked.code, unchecked.stderr]).toEqual([1, expect.stringMatching(/has no prunecast\.db: name/)]);
  });

  it.skipIf(!CAN_MOUNT)(
    'says of a backup for which a disk has no room which disk that is, and leaves nothing',
    async () => {
      const disk = makeSmallDisk('64k');
      try {
        const { code, stderr } = await state('backup', join(disk.folder, 'backup'));
        expect([code, stderr]).toEqual([
          1,
          expect.stringContaining(`the disk has no room for ${disk.folder}/backup: free`),
        ]);
        expect(await readdir(disk.folder)).toEqual([]);
      } finally {
        disk.remove();
      }
    },
  );

  it('checks the state of a running server, and fails for one that is damaged, which it does not change', async () => {
    const whole = await state('check', '--json');
    expect([whole.code, whole.stderr]).toEqual([0, '']);
    const checks = readJsonLines(whole.stdout) as { name: string; state: string; finding: string }[];
    expect(checks.map(({ state: found }) => found)).toEqual(checks.map(() => 'ok'));
    expect(checks.find(({ name, finding }) => name === 'table' && finding.startsWith('trials'))?.finding).toMatch(
      /: [1-9]\d* rows, [1-9]\d* bytes/,
    );
    const damaged = join(folder, 'damaged');
    expect((await state('backup', damaged)).code).toBe(0);
    await truncate(join(damaged, 'prunecast.db'), 8 * 4096);
    const before = await readFile(join(damaged, 'prunecast.db'));
    const { code, stdout } = await runCli(['state', 'check', '--state-dir', damaged]);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^fail {2}database/m)]);
    expect((await readFile(join(damaged, 'prunecast.db'))).equals(before)).toBe(true);
    expect(await readdir(damaged)).toEqual(['prunecast.db']);
  }, 60_000);

  it('exports jobs, labels, studies and trials as lines that agree with the server', async () => {
    const { code, stdout } = await state('export');
    expect(code).toBe(0);
    const lines = readJsonLines(stdout) as Readonly<Record<string, Readonly<Record<string, unknown>>>>[];
    const of = (kind: string): readonly Readonly<Record<string, unknown>>[] =>
      lines.flatMap((line) => (line[kind] === undefined ? [] : [line[kind]]));
    const client = createClient({ address: server.address });
    const { jobs } = await client.services.jobs.listJobs({ pageSize: 1000 });
    const { studies } = await client.services.studies.listStudies({});
    client.close();
    expect(of('job').map((job) => job['id'])).toEqual(jobs.map(({ id }) => id));
    expect(of('study').map((study) => study['id'])).toEqual(studies.map(({ id }) => id));
    expect(of('trial')).toHaveLength(Number(studies[0]?.trials));
    expect(
      of('label').every((label) => Number((label['metrics'] as { readonly perplexity: number }).perplexity) > 1),
    ).toBe(true);
    const labels = await state('export', '--only', 'labels');
    expect(readJsonLines(labels.stdout)).toHaveLength(of('label').length);
    expect((await state('export', '--only', 'nothing')).code).toBe(2);
  }, 60_000);

  it('prunes no state that a server has, and with what to do instead', async () => {
    const { code, stderr } = await state('prune', '--older-than', '30d');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/a server uses the state folder .*: stop it, prune/)]);
    expect(await state('prune')).toMatchObject({ code: 2, stderr: expect.stringContaining('give a limit') as string });
    expect((await state('prune', '--older-than', '30 days')).code).toBe(2);
  }, 30_000);

  it('prunes what is old from a state without a server: a dry run removes nothing, and studies stay', async () => {
    const target = join(folder, 'pruned');
    expect((await state('backup', target)).code).toBe(0);
    const prune = (...args: readonly string[]) => runCli(['state', 'prune', ...args, '--json', '--state-dir', target]);
    const young = readJsonLines((await prune('--older-than', '30d')).stdout);
    expect(young).toMatchObject([{ jobs: 0, labels: 0 }]);
    const [dry] = readJsonLines((await prune('--older-than', '0m', '--dry-run')).stdout) as { jobs: number }[];
    expect(dry?.jobs).toBeGreaterThanOrEqual(2);
    const [pruned] = readJsonLines((await prune('--older-than', '0m')).stdout) as Record<string, number>[];
    // The labels are of the checkpoint of a study.
    expect(pruned).toMatchObject({ ...dry, labels: 0, dryRun: false });
    expect(pruned?.['bytesAfter']).toBeLessThan(pruned?.['bytesBefore'] ?? 0);
    const left = readJsonLines((await runCli(['state', 'export', '--state-dir', target])).stdout) as object[];
    expect(new Set(left.map((line) => Object.keys(line)[0]))).toEqual(new Set(['label', 'study', 'trial']));
    const [labels] = readJsonLines((await prune('--keep-bytes', '100kB', '--labels-of-studies')).stdout) as Record<
      string,
      number
    >[];
    expect(labels?.['labels']).toBeGreaterThan(0);
    expect((await runCli(['state', 'check', '--state-dir', target])).code).toBe(0);
  }, 60_000);
});
