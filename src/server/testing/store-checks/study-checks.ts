import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict';
import type { StoreRecord } from '../../../core/ports/store.js';
import type { TrialRecord } from '../../../core/ports/study-store.js';
import { newStudy, readPages, type StoreChecks } from './records.js';

const STUDY: StoreRecord = { kind: 'study', study: newStudy('study-1') };
const trial = (number: number, role: number, bytes = 1): TrialRecord => ({
  number,
  role,
  trial: new Uint8Array(bytes).fill(number),
});
const step = (given: Omit<Extract<StoreRecord, { kind: 'study-step' }>, 'kind' | 'studyId'>): StoreRecord => ({
  kind: 'study-step',
  studyId: 'study-1',
  ...given,
});

export const STUDY_CHECKS: StoreChecks = {
  'keeps a study, and refuses a second of one id': async ({ store, reopen }) => {
    await store.keep([STUDY]);
    await rejects(store.keep([STUDY]));
    const { studies } = (await reopen?.()) ?? store;
    deepStrictEqual(await studies.find('study-1'), newStudy('study-1'));
    strictEqual(await studies.find('study-2'), undefined);
    deepStrictEqual(await studies.events('study-2'), []);
  },

  'keeps what each step leaves, in order, numbers that JSON lacks included': async ({ store, reopen }) => {
    await store.keep([STUDY, step({ events: [{ a: 1 }, { b: [null, 'c', true] }] })]);
    await store.keep([
      step({
        events: [{ value: Number.NaN, losses: [-Infinity] }],
        seconds: 0.5,
        progress: { phase: 2 },
        report: { lift: Number.NaN },
        state: 'succeeded',
      }),
    ]);
    const { studies } = (await reopen?.()) ?? store;
    deepStrictEqual(await studies.events('study-1'), [
      { event: { a: 1 }, seconds: 0 },
      { event: { b: [null, 'c', true] }, seconds: 0 },
      { event: { value: Number.NaN, losses: [-Infinity] }, seconds: 0.5 },
    ]);
    deepStrictEqual(await studies.find('study-1'), {
      ...newStudy('study-1'),
      progress: { phase: 2 },
      report: { lift: Number.NaN },
      state: 'succeeded',
    });
  },

  'lists trials by number, of all roles or of one, a later one of a number in place of the earlier': async ({
    store,
  }) => {
    await store.keep([STUDY, step({ trials: [trial(3, 1), trial(1, 2), trial(2, 1)] })]);
    await store.keep([step({ trials: [trial(2, 2, 5)] })]);
    deepStrictEqual(await store.studies.trials('study-1'), [trial(1, 2), trial(2, 2, 5), trial(3, 1)]);
    deepStrictEqual(await store.studies.trials('study-1', 1), [trial(3, 1)]);
    strictEqual(await store.studies.countTrials('study-1'), 3);
    strictEqual(await store.studies.countTrials('study-2'), 0);
  },

  'lists studies in pages, newest first, with the number of their trials': async ({ store, store: { studies } }) => {
    for (const id of ['study-1', 'study-2', 'study-3']) await store.keep([{ kind: 'study', study: newStudy(id) }]);
    await store.keep([step({ trials: [trial(1, 1), trial(2, 1)] })]);
    const pages = await readPages((pageToken) => studies.list({ pageSize: 2, pageToken }));
    deepStrictEqual(
      pages.map((page) => page.map(({ id, trials }) => [id, trials])),
      [
        [
          ['study-3', 0],
          ['study-2', 0],
        ],
        [['study-1', 2]],
      ],
    );
    const { id, jobId, model, checkpointDigest, seed, state, createdMs } = newStudy('study-1');
    deepStrictEqual(pages[1], [{ id, jobId, model, checkpointDigest, seed, state, createdMs, trials: 2 }]);
    await rejects(studies.list({ pageSize: 2, pageToken: 'no token' }), { reason: 'INVALID_REQUEST' });
  },

  'forgets a study with its events, trials and sets of pairs': async ({ store, store: { studies } }) => {
    const pairSet: StoreRecord = { kind: 'pair-set', studyId: 'study-1', pairSet: Uint8Array.of(1) };
    await store.keep([STUDY, step({ events: [{ a: 1 }], trials: [trial(1, 1)] }), pairSet]);
    deepStrictEqual([await studies.remove('study-1'), await studies.remove('study-1')], [true, false]);
    strictEqual(await studies.find('study-1'), undefined);
    deepStrictEqual([await studies.events('study-1'), await studies.trials('study-1')], [[], []]);
    deepStrictEqual(await store.pairSets.ofStudy('study-1'), []);
  },

  'lists trials in pages that end before they have 3 MiB': async ({ store }) => {
    const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
    await store.keep([STUDY, step({ trials: numbers.map((number) => trial(number, number % 2, 60_000)) })]);
    const list = async (pageSize: number, role?: number) =>
      (await readPages((pageToken) => store.studies.listTrials('study-1', { pageSize, pageToken, role }))).map((page) =>
        page.map(({ number }) => number),
      );
    const pages = await list(100);
    deepStrictEqual(pages.flat(), numbers);
    deepStrictEqual(
      pages.map((page) => page.length),
      [52, 48],
    );
    deepStrictEqual(await list(30, 1), [
      numbers.filter((number) => number % 2 === 1).slice(0, 30),
      numbers.filter((number) => number % 2 === 1).slice(30),
    ]);
    await rejects(store.studies.listTrials('study-1', { pageSize: 2, pageToken: 'no token' }), {
      reason: 'INVALID_REQUEST',
    });
  },
};
