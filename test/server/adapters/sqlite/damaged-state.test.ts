import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JobState } from '../../../../src/gen/prunecast/v1/job.js';
import { PairSet } from '../../../../src/gen/prunecast/v1/pair.js';
import { Trial } from '../../../../src/gen/prunecast/v1/study_types.js';
import { openDatabase } from '../../../../src/server/adapters/sqlite/open-database.js';
import { newPairSet } from '../../../../src/server/records/pair-set-records.js';
import { newStudy, studyStep } from '../../../../src/server/records/study-records.js';
import { recordsIn, useDatabase } from '../../../support/test-database.js';
import { newJob } from '../../../support/job-records.js';

const state = useDatabase();

const KEY = {
  checkpointDigest: 'c',
  measurementFingerprint: 'm',
  fidelityDigest: 'f',
  recipeDigest: 'r',
  architectureKey: 'a',
};
/** A field of the protobuf's type 7, which there is not. */
const GARBAGE = Uint8Array.of(15, 255, 255);

async function createJob(id: string): Promise<void> {
  await recordsIn(state.database).jobs.create(newJob(id), { $case: 'started', value: {} }, { owner: 'a', untilMs: 1 });
}

async function createStudy(): Promise<void> {
  await recordsIn(state.database).store.keep([
    newStudy({
      id: 'study-1',
      jobId: '',
      model: 'm',
      checkpointDigest: 'c',
      seed: 0,
      request: Uint8Array.of(),
      plan: {},
      progress: null,
      report: undefined,
      state: JobState.RUNNING,
      createdMs: 0,
    }),
    studyStep('study-1', { events: [{ a: 1 }], trials: [Trial.create({ number: 1 })] }),
  ]);
}

describe('something stored that does not parse', () => {
  it.each([
    [
      'an event',
      async () => {
        await createJob('job-1');
        await state.database.updateTable('events').set({ event: GARBAGE }).execute();
        return recordsIn(state.database).jobs.eventsAfter('job-1', 0, 10);
      },
      'event 1 of job-1',
    ],
    [
      'the error of a job',
      async () => {
        await createJob('job-1');
        await state.database.updateTable('jobs').set({ error: GARBAGE }).execute();
        return recordsIn(state.database).jobs.get('job-1');
      },
      'the error of job-1',
    ],
    [
      'the metrics of a label',
      async () => {
        const { store } = recordsIn(state.database);
        await store.keep([
          {
            kind: 'label',
            key: KEY,
            label: {
              metrics: { perplexity: 1 },
              items: { losses: Float64Array.of(1), tokens: Float64Array.of(1) },
              tokensSpent: 1,
            },
          },
        ]);
        await state.database.updateTable('labels').set({ metrics: '{"perplexity":' }).execute();
        return store.labels.getMany([KEY]);
      },
      'the label of a under the recipe "r" and the measurement m',
    ],
    [
      'the losses of a label',
      async () => {
        const { store } = recordsIn(state.database);
        await store.keep([
          {
            kind: 'label',
            key: KEY,
            label: {
              metrics: { perplexity: 1 },
              items: { losses: Float64Array.of(1), tokens: Float64Array.of(1) },
              tokensSpent: 1,
            },
          },
        ]);
        await state.database
          .updateTable('labels')
          .set({ items: Uint8Array.of(1, 2, 3) })
          .execute();
        return store.labels.getMany([KEY]);
      },
      'the label of a under the recipe "r" and the measurement m',
    ],
    [
      'an event of a study',
      async () => {
        await createStudy();
        await state.database.updateTable('study_events').set({ event: 'x' }).execute();
        return recordsIn(state.database).studies.events('study-1');
      },
      'an event of study-1',
    ],
    [
      'a trial',
      async () => {
        await createStudy();
        await state.database.updateTable('trials').set({ trial: GARBAGE }).execute();
        return recordsIn(state.database).studies.trials('study-1');
      },
      'a trial of study-1',
    ],
    [
      'a set of pairs',
      async () => {
        await recordsIn(state.database).store.keep([newPairSet('study-1', PairSet.create({ dimensions: ['a'] }))]);
        await state.database.updateTable('pair_sets').set({ pair_set: GARBAGE }).execute();
        return recordsIn(state.database).pairSets.ofStudy('study-1');
      },
      'a set of pairs of study-1',
    ],
  ])('is STATE_DAMAGED and named, no fault of the server: %s', async (_name, read, stored) => {
    await expect(read()).rejects.toMatchObject({ reason: 'STATE_DAMAGED', code: 'DATA_LOSS', metadata: { stored } });
  });

  it('of a job keeps no server from starting', async () => {
    await createJob('job-1');
    await state.database.updateTable('jobs').set({ progress: GARBAGE }).execute();
    expect((await recordsIn(state.database).jobs.unfinished()).map(({ id }) => id)).toEqual(['job-1']);
  });
});

/** Fills the log with `jobs` jobs, and opens a copy of the state whose log was changed, as after a crash of the machine. */
async function reopenWith(change: (log: Buffer) => Buffer): Promise<string[]> {
  for (let job = 1; job <= 20; job++) await createJob(`job-${job}`);
  const copy = join(state.folder, 'copy');
  await mkdir(copy);
  await writeFile(join(copy, 'prunecast.db'), await readFile(join(state.folder, 'prunecast.db')));
  await writeFile(join(copy, 'prunecast.db-wal'), change(await readFile(join(state.folder, 'prunecast.db-wal'))));
  const { database, close } = await openDatabase(copy);
  const jobs = (await recordsIn(database).jobs.unfinished()).map(({ id }) => id);
  await close();
  return jobs;
}

describe('a write-ahead log', () => {
  const all = Array.from({ length: 20 }, (_, index) => `job-${index + 1}`);

  it('that is whole is all there', async () => {
    expect(await reopenWith((log) => log)).toEqual(all);
  });

  it.each([
    ['cut off in the middle', (log: Buffer) => log.subarray(0, Math.floor(log.length * 0.6))],
    [
      'with garbage from the middle on',
      (log: Buffer) =>
        Buffer.concat([log.subarray(0, Math.floor(log.length * 0.6)), Buffer.alloc(Math.ceil(log.length * 0.4), 0xa5)]),
    ],
    ['with garbage behind it', (log: Buffer) => Buffer.concat([log, Buffer.alloc(10_000, 0x5a)])],
  ])('%s gives the jobs up to there, whole, and takes new ones', async (name, change) => {
    const jobs = await reopenWith(change);
    expect(jobs).toEqual(all.slice(0, jobs.length));
    expect(jobs.length).toBeGreaterThan(name.includes('behind') ? 19 : 3);
    const { database, close } = await openDatabase(join(state.folder, 'copy'));
    await recordsIn(database).jobs.create(newJob('later'), { $case: 'started', value: {} }, { owner: 'a', untilMs: 1 });
    expect((await recordsIn(database).jobs.unfinished()).map(({ id }) => id)).toEqual([...jobs, 'later']);
    await close();
  });
});

describe('a state folder', () => {
  it('whose database is not a database is reported as damaged', async () => {
    const other = join(state.folder, 'other');
    await mkdir(other);
    await writeFile(
      join(other, 'prunecast.db'),
      'this is a text, and long enough to be looked at as the header of a database, one should think. '.repeat(20),
    );
    await expect(openDatabase(other)).rejects.toThrow(/prunecast\.db.*damaged.*backup/s);
  });

  it('that cannot be locked is not mistaken for one that another server uses', async () => {
    const other = join(state.folder, 'other');
    await mkdir(other);
    await writeFile(join(other, 'server.lock'), 'no database '.repeat(100));
    await expect(openDatabase(other)).rejects.toThrow(/cannot be locked \(SQLITE_NOTADB\).*server\.lock/);
    await expect(openDatabase(state.folder)).rejects.toThrow(/another server uses the state folder/);
  });
});
