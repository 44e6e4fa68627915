import type { Kysely } from 'kysely';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import { blobBytes } from './blobs.js';
import { readPageToken, takePage, type Page, type PageQuery } from './pages.js';
import type { Schema } from './schema.js';

/** A fitted predictor: what callers see of it, and what its backend saved. */
export interface PredictorRecord {
  readonly predictor: Predictor;
  readonly model: Uint8Array;
}

export interface PredictorQuery extends PageQuery {
  /** Undefined or empty for all. */
  readonly studyId?: string | undefined;
}

/** Fitted predictors. */
export interface PredictorStore {
  create(record: PredictorRecord): Promise<void>;
  /** Throws PREDICTOR_NOT_FOUND. */
  get(predictorId: string): Promise<PredictorRecord>;
  /** A page, newest first. */
  list(query: PredictorQuery): Promise<Page<Predictor>>;
  /** Ids of a study's predictors, newest last. */
  idsOfStudy(studyId: string): Promise<string[]>;
  /** Throws PREDICTOR_NOT_FOUND. */
  remove(predictorId: string): Promise<void>;
}

export function createPredictorStore(database: Kysely<Schema>): PredictorStore {
  return {
    create: async ({ predictor, model }) => {
      await database.insertInto('predictors').values({
        id: predictor.id,
        study_id: predictor.studyId,
        backend: predictor.backend,
        created_ms: Number(predictor.createTime?.seconds ?? 0n) * 1000,
        predictor: Predictor.encode(predictor).finish(),
        model,
      }).execute();
    },
    get: async (predictorId) => {
      const row = await database.selectFrom('predictors').select(['predictor', 'model']).where('id', '=', predictorId).executeTakeFirst();
      if (!row) throw predictorNotFound(predictorId);
      return { predictor: Predictor.decode(blobBytes(row.predictor)), model: blobBytes(row.model) };
    },
    list: async ({ studyId, pageSize, pageToken }) => {
      const before = readPageToken(pageToken);
      let rows = database.selectFrom('predictors').select(['number', 'predictor']).orderBy('number', 'desc').limit(pageSize + 1);
      if (studyId) rows = rows.where('study_id', '=', studyId);
      if (before !== undefined) rows = rows.where('number', '<', before);
      return takePage(await rows.execute(), pageSize, {
        key: ({ number }) => number,
        bytes: ({ predictor }) => predictor.byteLength,
        value: ({ predictor }) => Predictor.decode(blobBytes(predictor)),
      });
    },
    idsOfStudy: async (studyId) => {
      const rows = await database.selectFrom('predictors').select('id').where('study_id', '=', studyId).orderBy('number').execute();
      return rows.map(({ id }) => id);
    },
    remove: async (predictorId) => {
      const { numDeletedRows } = await database.deleteFrom('predictors').where('id', '=', predictorId).executeTakeFirst();
      if (numDeletedRows === 0n) throw predictorNotFound(predictorId);
    },
  };
}

function predictorNotFound(predictorId: string): PrunecastError {
  return new PrunecastError('PREDICTOR_NOT_FOUND', `no predictor has the id "${predictorId}"`, { metadata: { predictor_id: predictorId } });
}
