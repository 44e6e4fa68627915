import { copyFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Predictor } from '../../../src/gen/prunecast/v1/predictor_types.js';
import { createJobStore } from '../../../src/server/store/job-store.js';
import { createLabelStore } from '../../../src/server/store/label-store.js';
import { openDatabase } from '../../../src/server/store/open-database.js';
import { createPairSetStore } from '../../../src/server/store/pair-set-store.js';
import { createPredictorStore } from '../../../src/server/store/predictor-store.js';
import { createStudyStore } from '../../../src/server/store/study-store.js';
import { makeFolder } from '../../support/test-server.js';

/** Files that servers of earlier schemas left behind; they are never written again. */
const STORES = resolve(import.meta.dirname, '../../fixtures/store');

let folder = '';
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.each([1, 2, 3, 4, 5])('a state directory of schema %i', (schema) => {
  it('opens with all that it held, and takes what later schemas added', async () => {
    await copyFile(join(STORES, `schema-${schema}.db`), join(folder, 'prunecast.db'));
    for (const opening of [1, 2]) {
      const { database, close } = await openDatabase(folder);
      expect((await createJobStore(database).unfinished()).map(({ id }) => id), `opening ${opening}`).toEqual(schema < 3 ? ['job-1'] : ['job-1', 'job-2']);
      expect(await createStudyStore(database).get('study-1')).toMatchObject({ seed: 7, model: 'stories260k' });
      expect(await createStudyStore(database).trials('study-1')).toMatchObject([{ number: 1, metrics: { perplexity: 3 } }]);
      expect(await createPairSetStore(database).ofStudy('study-1')).toMatchObject([{ pairs: [{ rates: [0.5] }] }]);
      const label = await createLabelStore(database).get({ checkpointDigest: 'c', measurementFingerprint: 'm', fidelityDigest: 'f', recipeDigest: 'r', architectureKey: 'a' });
      expect(label).toMatchObject({ metrics: { perplexity: 12.25 }, tokensSpent: 128 });
      const other = await createLabelStore(database).get({ checkpointDigest: 'c', measurementFingerprint: 'm', fidelityDigest: 'f', recipeDigest: 'r', architectureKey: 'b' });
      expect(other?.windowHits).toEqual(schema < 4 ? undefined : Int32Array.of(9));
      const predictors = createPredictorStore(database);
      expect(await predictors.get('predictor-1')).toMatchObject({ model: Uint8Array.of(3, 4, 5), predictor: { backend: 'ridge' } });
      expect(await predictors.evidence('predictor-1')).toBeUndefined();
      expect((await predictors.evidence('predictor-2'))?.targets).toEqual(schema < 2 ? undefined : Float64Array.of(1 / 3, 2));
      expect(await createStudyStore(database).events('study-1')).toEqual([{ event: { a: 1 }, seconds: 0 }]);
      expect(await createJobStore(database).fruitlessStarts('job-1')).toBe(0);
      expect(await createJobStore(database).request('job-1')).toBeUndefined();
      expect(await createJobStore(database).request('job-2')).toEqual(schema < 3 ? undefined : Uint8Array.of(10, 1, 109));
      await close();
    }
    const { database, close } = await openDatabase(folder);
    const predictors = createPredictorStore(database);
    const evidence = { rates: Float32Array.of(0.25, 0.5), targets: Float64Array.of(1 / 3, 2), importances: Float64Array.of(Math.PI), residuals: Float64Array.of() };
    await predictors.create({ predictor: Predictor.create({ id: 'new' }), model: Uint8Array.of(1) }, evidence);
    expect(await predictors.evidence('new')).toEqual(evidence);
    await predictors.remove('new');
    expect(await predictors.evidence('new')).toBeUndefined();
    await close();
  });
});
