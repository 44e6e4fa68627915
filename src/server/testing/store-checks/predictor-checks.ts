import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict';
import type { FitEvidence, StoredPredictor } from '../../../core/ports/predictor-store.js';
import { newStudy, readPages, type StoreChecks } from './records.js';

const predictor = (id: string, studyId = ''): StoredPredictor => ({
  id,
  studyId,
  backend: 'ridge',
  createdMs: 5,
  description: Uint8Array.of(1, 2),
  model: Uint8Array.from({ length: 30_000 }, (_, index) => index % 251),
});
const set = (studyId: string, mark: number) => ({ kind: 'pair-set', studyId, pairSet: Uint8Array.of(mark) }) as const;
const EVIDENCE: FitEvidence = {
  rates: Float32Array.of(0.25, 0.5),
  targets: Float64Array.of(1 / 3, 2),
  importances: Float64Array.of(Math.PI),
  residuals: Float64Array.of(),
};

/** Also of the pairs that studies hold from elsewhere. */
export const PREDICTOR_CHECKS: StoreChecks = {
  'gives predictors back with their model and evidence': async ({ store, reopen }) => {
    await store.keep([
      { kind: 'predictor', predictor: predictor('p1'), evidence: EVIDENCE },
      { kind: 'predictor', predictor: predictor('p2') },
    ]);
    await rejects(store.keep([{ kind: 'predictor', predictor: predictor('p1') }]));
    const { predictors } = (await reopen?.()) ?? store;
    deepStrictEqual(await predictors.get('p1'), predictor('p1'));
    deepStrictEqual(await predictors.evidence('p1'), EVIDENCE);
    strictEqual(await predictors.evidence('p2'), undefined);
    await rejects(predictors.get('p3'), { reason: 'PREDICTOR_NOT_FOUND' });
  },

  'lists predictors in pages, newest first, and by study': async ({ store: { predictors }, store }) => {
    for (const [id, studyId] of [
      ['p1', 's'],
      ['p2', ''],
      ['p3', 's'],
    ] as const)
      await store.keep([{ kind: 'predictor', predictor: predictor(id, studyId) }]);
    const list = async (studyId?: string) =>
      (await readPages((pageToken) => predictors.list({ studyId, pageSize: 2, pageToken }))).map((page) =>
        page.map(({ id }) => id),
      );
    deepStrictEqual(
      [await list(), await list('')],
      [
        [['p3', 'p2'], ['p1']],
        [['p3', 'p2'], ['p1']],
      ],
    );
    deepStrictEqual(await list('s'), [['p3', 'p1']]);
    deepStrictEqual(await predictors.idsOfStudy('s'), ['p1', 'p3']);
    const { model: _, ...described } = predictor('p3', 's');
    deepStrictEqual((await predictors.list({ pageSize: 1, pageToken: '' })).values, [described]);
  },

  'forgets a predictor with its evidence': async ({ store: { predictors }, store }) => {
    await store.keep([{ kind: 'predictor', predictor: predictor('p1'), evidence: EVIDENCE }]);
    await predictors.remove('p1');
    await rejects(predictors.get('p1'), { reason: 'PREDICTOR_NOT_FOUND' });
    await rejects(predictors.remove('p1'), { reason: 'PREDICTOR_NOT_FOUND' });
    strictEqual(await predictors.evidence('p1'), undefined);
  },

  'gives pair sets back in the order they were added, study by study': async ({ store, reopen }) => {
    await store.keep([set('s', 1), set('s', 2)]);
    await store.keep([set('t', 3)]);
    await store.keep([set('s', 4)]);
    const { pairSets } = (await reopen?.()) ?? store;
    deepStrictEqual(await pairSets.ofStudy('s'), [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(4)]);
    deepStrictEqual(await pairSets.ofStudy('u'), []);
    await pairSets.remove('s');
    deepStrictEqual([(await pairSets.ofStudy('s')).length, (await pairSets.ofStudy('t')).length], [0, 1]);
  },

  'sweeps the pair sets of studies that are not stored': async ({ store }) => {
    for (const studyId of ['study-1', 'study-2']) await store.keep([set(studyId, 1)]);
    await store.keep([{ kind: 'study', study: newStudy('study-1') }]);
    await store.pairSets.sweep();
    strictEqual((await store.pairSets.ofStudy('study-1')).length, 1);
    strictEqual((await store.pairSets.ofStudy('study-2')).length, 0);
  },
};
