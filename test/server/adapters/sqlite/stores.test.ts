import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { Job, JobKind } from '../../../../src/gen/prunecast/v1/job.js';
import { PairSet } from '../../../../src/gen/prunecast/v1/pair.js';
import { Predictor } from '../../../../src/gen/prunecast/v1/predictor_types.js';
import { Trial, TrialRole } from '../../../../src/gen/prunecast/v1/study_types.js';
import type { Label } from '../../../../src/core/ports/label-store.js';
import { openDatabase } from '../../../../src/server/adapters/sqlite/open-database.js';
import { newPairSet } from '../../../../src/server/records/pair-set-records.js';
import { newPredictor } from '../../../../src/server/records/predictor-records.js';
import { newStudy, studyStep, type StudyRecord } from '../../../../src/server/records/study-records.js';
import { recordsIn, useDatabase } from '../../../support/test-database.js';

const state = useDatabase();
const trial = (number: number, role: TrialRole): Trial =>
  Trial.create({ number, role, metrics: { perplexity: number / 3 }, rates: [0.5] });
/** Of 60 kB: a page of 100 would be 6 MB. */
const large = (number: number) => ({
  ...trial(number, TrialRole.PAIR),
  rates: Array.from({ length: 15_000 }, () => 0.25),
});
const set = (model: string) =>
  PairSet.create({
    model,
    dimensions: ['layers.0.ffn_channels'],
    pairs: [{ rates: [0.5], metrics: { perplexity: 3 } }],
  });
const reopen = async () => {
  await state.reopen();
};

describe('labels', () => {
  it('of an earlier version have numbers that JSON lacks as texts, and come back as numbers', async () => {
    const label: Label = {
      metrics: { perplexity: 2 },
      items: { losses: Float64Array.of(1), tokens: Float64Array.of(1) },
      tokensSpent: 1,
    };
    const key = {
      checkpointDigest: 'c',
      measurementFingerprint: 'm',
      fidelityDigest: 'f',
      recipeDigest: 'r',
      architectureKey: 'a',
    };
    const { store } = recordsIn(state.database);
    await store.keep([{ kind: 'label', key, label }]);
    await state.database.updateTable('labels').set({ metrics: '{"perplexity":"NaN","worst":"-Infinity"}' }).execute();
    expect(await store.labels.getMany([key])).toEqual([{ ...label, metrics: { perplexity: NaN, worst: -Infinity } }]);
  });
});

describe('jobs', () => {
  it('are listed in pages that fit a message, also those of an earlier version with request ids of 600 kB', async () => {
    const jobs = recordsIn(state.database).jobs;
    for (let index = 0; index < 9; index++) {
      const job = {
        id: `job-${index}`,
        kind: JobKind.SEARCH,
        requestId: `${index}${'é'.repeat(300_000)}`,
        requestDigest: 'd',
        studyId: '',
        labels: {},
        caller: 'anonymous',
        request: undefined,
        createdMs: index,
      };
      await jobs.create(job, { $case: 'queued', value: { place: 1 } }, { owner: 'o', untilMs: 1 });
    }
    const listed: string[] = [];
    let pageToken = '';
    do {
      const page = await jobs.list({ pageSize: 1000, pageToken });
      expect(page.values.reduce((bytes, job) => bytes + Job.encode(job).finish().length, 0)).toBeLessThan(4 * 2 ** 20);
      listed.push(...page.values.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(listed).toEqual(Array.from({ length: 9 }, (_, index) => `job-${8 - index}`));
  });
});

describe('studies', () => {
  const study: StudyRecord = {
    id: 'study-1',
    jobId: 'job-1',
    model: 'm',
    checkpointDigest: 'c',
    seed: 2 ** 40 + 1,
    request: Uint8Array.of(1, 2),
    plan: { rounds: 1 },
    progress: { phase: 1 },
    report: undefined,
    state: 2,
    createdMs: 5,
  };

  it('keep what each step leaves, numbered without a gap, and read it back after a restart', async () => {
    const { store } = recordsIn(state.database);
    await store.keep([newStudy(study)]);
    await store.keep([studyStep('study-1', { events: [{ a: 1 }, { b: 2 }], trials: [trial(1, TrialRole.PAIR)] })]);
    await store.keep([
      studyStep('study-1', {
        events: [{ value: NaN, losses: [-Infinity] }],
        seconds: 0.5,
        trials: [trial(2, TrialRole.FINALIST), trial(3, TrialRole.PAIR)],
        progress: { phase: 2 },
        report: { lift: NaN },
        state: 4,
      }),
    ]);
    await reopen();
    const again = recordsIn(state.database).studies;
    expect(await again.get('study-1')).toEqual({
      ...study,
      progress: { phase: 2 },
      report: { lift: NaN },
      state: 4,
    });
    expect(await again.events('study-1')).toEqual([
      { event: { a: 1 }, seconds: 0 },
      { event: { b: 2 }, seconds: 0 },
      { event: { value: NaN, losses: [-Infinity] }, seconds: 0.5 },
    ]);
    expect((await again.trials('study-1')).map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(await again.trials('study-1', TrialRole.PAIR)).toEqual([trial(1, TrialRole.PAIR), trial(3, TrialRole.PAIR)]);
  });

  it('list trials in pages that fit a message', async () => {
    const { store, studies } = recordsIn(state.database);
    await store.keep([newStudy(study)]);
    await store.keep([studyStep('study-1', { trials: Array.from({ length: 100 }, (_, index) => large(index + 1)) })]);
    const numbers: number[] = [];
    let pageToken = '';
    let pages = 0;
    do {
      const page = await studies.listTrials('study-1', { pageSize: 100, pageToken });
      expect(page.values.reduce((bytes, value) => bytes + Trial.encode(value).finish().length, 0)).toBeLessThan(
        4 * 2 ** 20,
      );
      numbers.push(...page.values.map(({ number }) => number));
      pageToken = page.nextPageToken;
      pages += 1;
    } while (pageToken !== '');
    expect(pages).toBe(2);
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it('are listed newest first in pages, with how many trials each has', async () => {
    const { store, studies } = recordsIn(state.database);
    for (const id of ['study-1', 'study-2', 'study-3']) await store.keep([newStudy({ ...study, id })]);
    await store.keep([
      studyStep('study-2', { trials: [trial(1, TrialRole.PAIR), trial(2, TrialRole.PAIR)], state: 4 }),
    ]);
    const first = await studies.list({ pageSize: 2, pageToken: '' });
    const { request: _, plan: __, progress: ___, report: ____, ...entry } = study;
    expect(first.values).toEqual([
      { ...entry, id: 'study-3', trials: 0 },
      { ...entry, id: 'study-2', state: 4, trials: 2 },
    ]);
    const second = await studies.list({ pageSize: 2, pageToken: first.nextPageToken });
    expect(second).toEqual({ values: [{ ...entry, trials: 0 }], nextPageToken: '' });
  });

  it('are removed with all that is theirs, and nothing of others', async () => {
    const { store, studies } = recordsIn(state.database);
    for (const id of ['study-1', 'study-2']) {
      await store.keep([newStudy({ ...study, id })]);
      await store.keep([studyStep(id, { events: [{ a: 1 }], trials: [trial(1, TrialRole.PAIR)] })]);
      await store.keep([newPairSet(id, set(id))]);
    }
    await studies.remove('study-1');
    await reopen();
    const again = recordsIn(state.database);
    for (const [id, count] of [
      ['study-1', 0],
      ['study-2', 1],
    ] as const) {
      expect(await again.studies.find(id)).toEqual(count === 0 ? undefined : { ...study, id });
      expect(await again.studies.events(id)).toHaveLength(count);
      expect(await again.studies.countTrials(id)).toBe(count);
      expect(await again.store.pairSets.ofStudy(id)).toHaveLength(count);
    }
    await expect(again.studies.remove('study-1')).rejects.toMatchObject({ reason: 'STUDY_NOT_FOUND' });
  });

  it('are not found under another id', async () => {
    await expect(recordsIn(state.database).studies.get('study-2')).rejects.toMatchObject({ reason: 'STUDY_NOT_FOUND' });
  });
});

describe('predictors', () => {
  it('come back with the bytes of their model, are listed newest first by study, and can be removed', async () => {
    const { store } = recordsIn(state.database);
    const model = Uint8Array.from({ length: 30_000 }, (_, index) => index % 251);
    for (const [id, studyId] of [
      ['p1', 's'],
      ['p2', ''],
      ['p3', 's'],
    ] as const)
      await store.keep([
        newPredictor({ predictor: Predictor.create({ id, studyId, backend: 'ridge', minRates: [0.1] }), model }),
      ]);
    await reopen();
    const again = recordsIn(state.database).predictors;
    expect(await again.get('p2')).toEqual({
      predictor: Predictor.create({ id: 'p2', backend: 'ridge', minRates: [0.1] }),
      model,
    });
    const ids = async (studyId: string) =>
      (await again.list({ studyId, pageSize: 10, pageToken: '' })).values.map(({ id }) => id);
    expect(await ids('')).toEqual(['p3', 'p2', 'p1']);
    expect(await ids('s')).toEqual(['p3', 'p1']);
    expect(await again.idsOfStudy('s')).toEqual(['p1', 'p3']);
    await again.remove('p1');
    await expect(again.get('p1')).rejects.toMatchObject({ reason: 'PREDICTOR_NOT_FOUND' });
    await expect(again.remove('p1')).rejects.toMatchObject({ reason: 'PREDICTOR_NOT_FOUND' });
  });
});

describe('pair sets', () => {
  it('come back in the order they were added, study by study', async () => {
    const { store, pairSets: sets } = recordsIn(state.database);
    const add = (studyId: string, ...all: PairSet[]) => store.keep(all.map((each) => newPairSet(studyId, each)));
    await add('s', set('a'), set('b'));
    await add('t', set('x'));
    await add('s', set('c'));
    expect(await sets.ofStudy('s')).toEqual([set('a'), set('b'), set('c')]);
    expect(await sets.ofStudy('u')).toEqual([]);
  });
});

describe('openDatabase', () => {
  it('refuses a second server on one state folder', async () => {
    await expect(openDatabase(state.folder)).rejects.toThrow('another server uses the state folder');
  });

  it('refuses what a newer server wrote, and touches nothing', async () => {
    const other = join(state.folder, 'newer');
    await mkdir(other);
    const file = new Database(join(other, 'prunecast.db'));
    file.exec('CREATE TABLE schema_version (version INTEGER NOT NULL); INSERT INTO schema_version VALUES (1000)');
    file.close();
    await expect(openDatabase(other)).rejects.toThrow('written by a newer server (schema 1000');
    const again = new Database(join(other, 'prunecast.db'));
    expect(again.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()).toHaveLength(1);
    again.close();
  });
});
