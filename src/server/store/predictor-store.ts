import type { Kysely, Transaction } from 'kysely';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import { blobBytes, float32Blob, float32Values, float64Blob, float64Values } from './blobs.js';
import { readPageToken, takePage, type Page, type PageQuery } from './pages.js';
import { readStored } from './read-stored.js';
import type { Schema } from './schema.js';
import type { StoreWrite } from './store-write.js';

/** A fitted predictor: what callers see of it, and what its backend saved. */
export interface PredictorRecord {
  readonly predictor: Predictor;
  readonly model: Uint8Array;
}

/** What a predictor was fitted on, and what was found then that later questions need. */
export interface FitEvidence {
  /** [pairs, dimensions], row-major. */
  readonly rates: Float32Array;
  /** One a pair, on the scale of the fit. */
  readonly targets: Float64Array;
  /** Rise of the hold-out error when a dimension's column is shuffled, dimension by dimension. */
  readonly importances: Float64Array;
  /** Label less prediction of pairs that it was not fitted on, on the scale of the fit; empty where there was none. */
  readonly residuals: Float64Array;
}

export interface PredictorQuery extends PageQuery {
  /** Undefined or empty for all. */
  readonly studyId?: string | undefined;
}

/** Fitted predictors. */
export interface PredictorStore {
  /** Stores a predictor with its evidence, both or neither; one without evidence cannot be explained. */
  create(record: PredictorRecord, evidence?: FitEvidence): Promise<void>;
  /** The same as part of a larger transaction. */
  creating(record: PredictorRecord, evidence?: FitEvidence): StoreWrite;
  /** Throws PREDICTOR_NOT_FOUND. */
  get(predictorId: string): Promise<PredictorRecord>;
  /** A page, newest first. */
  list(query: PredictorQuery): Promise<Page<Predictor>>;
  /** undefined for a predictor that was stored without. */
  evidence(predictorId: string): Promise<FitEvidence | undefined>;
  /** Ids of a study's predictors, newest last. */
  idsOfStudy(studyId: string): Promise<string[]>;
  /** Throws PREDICTOR_NOT_FOUND. */
  remove(predictorId: string): Promise<void>;
}

export function createPredictorStore(database: Kysely<Schema>): PredictorStore {
  return {
    create: (record, evidence) =>
      database.transaction().execute((transaction) => insertPredictor(transaction, record, evidence)),
    creating: (record, evidence) => (transaction) => insertPredictor(transaction, record, evidence),
    get: async (predictorId) => {
      const row = await database
        .selectFrom('predictors')
        .select(['predictor', 'model'])
        .where('id', '=', predictorId)
        .executeTakeFirst();
      if (!row) throw predictorNotFound(predictorId);
      return {
        predictor: readStored(`the predictor ${predictorId}`, () => Predictor.decode(blobBytes(row.predictor))),
        model: blobBytes(row.model),
      };
    },
    list: async ({ studyId, pageSize, pageToken }) => {
      const before = readPageToken(pageToken);
      let rows = database
        .selectFrom('predictors')
        .select(['number', 'id', 'predictor'])
        .orderBy('number', 'desc')
        .limit(pageSize + 1);
      if (studyId) rows = rows.where('study_id', '=', studyId);
      if (before !== undefined) rows = rows.where('number', '<', before);
      return takePage(await rows.execute(), pageSize, {
        key: ({ number }) => number,
        bytes: ({ predictor }) => predictor.byteLength,
        value: ({ id, predictor }) => readStored(`the predictor ${id}`, () => Predictor.decode(blobBytes(predictor))),
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
          rates: float32Values(row.rates),
          targets: float64Values(row.targets),
          importances: float64Values(row.importances),
          residuals: float64Values(row.residuals),
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

async function insertPredictor(
  transaction: Transaction<Schema>,
  { predictor, model }: PredictorRecord,
  evidence: FitEvidence | undefined,
): Promise<void> {
  await transaction
    .insertInto('predictors')
    .values({
      id: predictor.id,
      study_id: predictor.studyId,
      backend: predictor.backend,
      created_ms: Number(predictor.createTime?.seconds ?? 0n) * 1000,
      predictor: Predictor.encode(predictor).finish(),
      model,
    })
    .execute();
  if (evidence === undefined) return;
  await transaction
    .insertInto('fit_evidence')
    .values({
      predictor_id: predictor.id,
      rates: float32Blob(evidence.rates),
      targets: float64Blob(evidence.targets),
      importances: float64Blob(evidence.importances),
      residuals: float64Blob(evidence.residuals),
    })
    .execute();
}

function predictorNotFound(predictorId: string): PrunecastError {
  return new PrunecastError('PREDICTOR_NOT_FOUND', `no predictor has the id "${predictorId}"`, {
    metadata: { predictor_id: predictorId },
  });
}
