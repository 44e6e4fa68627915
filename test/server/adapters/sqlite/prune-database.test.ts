import { join } from 'node:path';
import { Writable } from 'node:stream';
import { sql } from 'kysely';
import { ContainerModule } from 'inversify';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { StoreRecord } from '../../../../src/core/ports/store.js';
import { openDatabase } from '../../../../src/server/adapters/sqlite/open-database.js';
import { pruneMeanwhile, type PruneLimits } from '../../../../src/server/adapters/sqlite/prune-database.js';
import { createSqliteStore } from '../../../../src/server/adapters/sqlite/sqlite-store.js';
import { TOKENS } from '../../../../src/server/tokens.js';
import { newJob } from '../../../support/job-records.js';
import { useDatabase } from '../../../support/test-database.js';
import { startSourceServer } from '../../../support/source-server.js';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2030, 0, 31);
const PAYLOAD = new Uint8Array(2000);
const state = useDatabase();

/** A job with two events that ended at a time; one that runs without a time. */
async function addJob(id: string, endedMs: number | undefined, { database } = { database: state.database }) {
  const { jobs } = createSqliteStore(database);
  const started = { kind: 'event', payload: PAYLOAD, change: { to: 'running' } } as const;
  const held = await jobs.create(newJob(id, { createdMs: NOW - 100 * DAY_MS }), started, { owner: 'a', untilMs: 1 });
  if (endedMs !== undefined)
    await jobs.append([{ ...held, ...started, change: { to: 'succeeded', error: undefined } }], endedMs);
}

/** Labels of a checkpoint that were stored at a time. */
async function addLabels(checkpointDigest: string, count: number, storedMs: number): Promise<void> {
  const records = Array.from(
    { length: count },
    (_, index): StoreRecord => ({
      kind: 'label',
      key: {
        checkpointDigest,
        measurementFingerprint: 'm',
        fidelityDigest: 'f',
        recipeDigest: 'r',
        architectureKey: `${storedMs} ${index}`,
      },
      label: { metrics: { perplexity: index }, items: {}, tokensSpent: 1 },
    }),
  );
  await createSqliteStore(state.database).keep(records);
  await sql`UPDATE labels SET stored_ms = ${storedMs} WHERE architecture_key LIKE ${`${storedMs} %`}`.execute(
    state.database,
  );
}

const addStudy = (checkpointDigest: string): Promise<void> =>
  createSqliteStore(state.database).keep([
    {
      kind: 'study',
      study: {
        id: 'study-1',
        jobId: '',
        model: 'm',
        checkpointDigest,
        seed: 1,
        request: Uint8Array.of(),
        plan: undefined,
        progress: null,
        report: undefined,
        state: 'succeeded',
        createdMs: 0,
      },
    },
  ]);

const prune = (limits: Omit<PruneLimits, 'labelsOfStudies'>, signal = new AbortController().signal) =>
  pruneMeanwhile(state.database, { ...limits, labelsOfStudies: 'keep' }, signal);
const listJobs = async (): Promise<string[]> =>
  (await state.database.selectFrom('jobs').select('id').orderBy('number').execute()).map(({ id }) => id);
const countRows = async (table: 'events' | 'labels'): Promise<number> =>
  (await state.database.selectFrom(table).select(sql<number>`1`.as('one')).execute()).length;

describe('pruning while a server works', () => {
  it('removes the jobs that ended before, with their events, and labels of no study; those that have not ended stay', async () => {
    await addJob('old', NOW - 8 * DAY_MS);
    await addJob('young', NOW - 6 * DAY_MS);
    await addJob('running', undefined);
    await addJob('ahead', NOW + DAY_MS); // the clock has gone back since
    await addLabels('of a study', 3, NOW - 9 * DAY_MS);
    await addLabels('of none', 2500, NOW - 9 * DAY_MS);
    await addLabels('of none', 5, NOW);
    await addStudy('of a study');
    expect(await prune({ beforeMs: NOW - 7 * DAY_MS })).toMatchObject({ jobs: 1, events: 2, labels: 2500 });
    expect(await listJobs()).toEqual(['young', 'running', 'ahead']);
    expect([await countRows('events'), await countRows('labels')]).toEqual([5, 8]);
    expect(await prune({ beforeMs: NOW - 7 * DAY_MS })).toMatchObject({ jobs: 0, events: 0, labels: 0 });
  });

  it('removes the oldest down to a size, jobs before labels, and nothing that is younger than asked for', async () => {
    for (let job = 0; job < 60; job++) await addJob(`job-${job}`, NOW - (100 - job) * 1000);
    await addLabels('of none', 100, NOW - DAY_MS);
    const all = await prune({});
    const some = await prune({ keepBytes: all.bytesBefore - 60_000, youngestMs: NOW });
    expect(some.jobs).toBeGreaterThan(5);
    expect(some.jobs).toBeLessThan(60);
    expect(some).toMatchObject({ labels: 0, bytesBefore: all.bytesBefore });
    expect(some.bytesAfter).toBeLessThanOrEqual(all.bytesBefore - 60_000);
    expect((await listJobs())[0]).toBe(`job-${some.jobs}`);
    expect(await prune({ keepBytes: 1, youngestMs: NOW - 45_000 })).toMatchObject({
      jobs: 55 - some.jobs,
      labels: 100,
    });
    expect(await listJobs()).toEqual(['job-55', 'job-56', 'job-57', 'job-58', 'job-59']);
  });

  it('leaves room for calls between its steps, and ends when the server stops', async () => {
    for (let job = 0; job < 10; job++) await addJob(`job-${job}`, NOW - DAY_MS);
    const stopping = new AbortController();
    const pruning = prune({ beforeMs: NOW }, stopping.signal);
    await vi.waitFor(async () => expect((await listJobs()).length).toBeLessThan(10), { interval: 0 });
    stopping.abort(new Error('the server stops'));
    await expect(pruning).rejects.toThrow('the server stops');
    expect((await listJobs()).length).toBeGreaterThan(0);
  });
});

it('a server removes at its start what its settings no longer keep, and says so', async () => {
  const lines: string[] = [];
  const log = pino({}, new Writable({ write: (line, _, done) => void (lines.push(String(line)), done()) }));
  const clock = new ContainerModule(({ bind }) => void bind(TOKENS.clock).toConstantValue({ now: () => NOW }));
  const folder = join(state.folder, 'state');
  const opened = await openDatabase(folder);
  await addJob('old', NOW - 8 * DAY_MS, opened);
  await addJob('young', NOW - 6 * DAY_MS, opened);
  await opened.close();
  const config = { stateRetentionDays: 7 };
  await using server = await startSourceServer({ folder: state.folder, config, log, modules: [clock] });
  await vi.waitFor(() =>
    expect(lines.find((line) => line.includes('removed old jobs'))).toMatch(/"jobs":1,"events":2,"labels":0/),
  );
  await server.stop();
  const after = await openDatabase(folder);
  const left = await after.database.selectFrom('jobs').select('id').execute();
  await after.close();
  expect(left).toEqual([{ id: 'young' }]);
});
