import type { Kysely, Selectable } from 'kysely';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { readStored } from '../../../core/errors/read-stored.js';
import type { PredictorRecord, PredictorStore } from '../../../core/ports/predictor-store.js';
import { readPageToken, takePage } from '../pages.js';
import { blobBytes, numbersBlob } from './columns.js';
import type { Schema } from './schema.js';

export function createPredictorStore(database: Kysely<Schema>): PredictorStore {
  return {
    get: async (predictorId) => {
      const row = await database.selectFrom('predictors').selectAll().where('id', '=', predictorId).executeTakeFirst();
      if (!row) throw predictorNotFound(predictorId);
      return { ...toDescribed(row), model: blobBytes(row.model) };
    },
    list: async ({ studyId, pageSize, pageToken }) => {
      const before = readPageToken(pageToken);
      let rows = database
        .selectFrom('predictors')
        .select(['number', 'id', 'study_id', 'backend', 'created_ms', 'predictor'])
        .orderBy('number', 'desc')
        .limit(pageSize + 1);
      if (studyId) rows = rows.where('study_id', '=', studyId);
      if (before !== undefined) rows = rows.where('number', '<', before);
      return takePage(await rows.execute(), pageSize, {
        key: ({ number }) => number,
        bytes: ({ predictor }) => predictor.byteLength,
        value: toDescribed,
      });
    },
    evidence: async (predictorId) => {
      const row = await database
        .selectFrom('fit_evidence')
        .selectAll()
        .where('predictor_id', '=', predictorId)
        .executeTakeFirst();
      return (
        row &&
        readStored(`the pairs of the predictor ${predictorId}`, () => ({
          rates: new Float32Array(row.rates),
          targets: new Float64Array(row.targets),
          importances: new Float64Array(row.importances),
          residuals: new Float64Array(row.residuals),
        }))
      );
    },
    idsOfStudy: async (studyId) => {
      const rows = await database
        .selectFrom('predictors')
        .select('id')
        .where('study_id', '=', studyId)
        .orderBy('number')
        .execute();
      return rows.map(({ id }) => id);
    },
    remove: (predictorId) =>
      database.transaction().execute(async (transaction) => {
        const { numDeletedRows } = await transaction
          .deleteFrom('predictors')
          .where('id', '=', predictorId)
          .executeTakeFirst();
        if (numDeletedRows === 0n) throw predictorNotFound(predictorId);
        await transaction.deleteFrom('fit_evidence').where('predictor_id', '=', predictorId).execute();
      }),
  };
}

export async function insertPredictor(
  database: Kysely<Schema>,
  { predictor: { id, studyId, backend, createdMs, description, model }, evidence }: PredictorRecord,
): Promise<void> {
  await database
    .insertInto('predictors')
    .values({ id, study_id: studyId, backend, created_ms: createdMs, predictor: description, model })
    .execute();
  if (evidence === undefined) return;
  await database
    .insertInto('fit_evidence')
    .values({
      predictor_id: id,
      rates: numbersBlob(evidence.rates),
      targets: numbersBlob(evidence.targets),
      importances: numbersBlob(evidence.importances),
      residuals: numbersBlob(evidence.residuals),
    })
    .execute();
}

function toDescribed(
  row: Pick<Selectable<Schema['predictors']>, 'id' | 'study_id' | 'backend' | 'created_ms' | 'predictor'>,
) {
  return {
    id: row.id,
    studyId: row.study_id,
    backend: row.backend,
    createdMs: row.created_ms,
    description: blobBytes(row.predictor),
  };
}

function predictorNotFound(predictorId: string): PrunecastError {
  return new PrunecastError('PREDICTOR_NOT_FOUND', `no predictor has the id "${predictorId}"`, {
    metadata: { predictor_id: predictorId },
  });
}
