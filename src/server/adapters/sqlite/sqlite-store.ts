import type { Kysely } from 'kysely';
import type { StoreRecord, Store } from '../../../core/ports/store.js';
import { appendEvent, createJobStore, holdJob } from './job-store.js';
import { createLabelStore, insertLabel } from './label-store.js';
import { createLeaseStore } from './lease-store.js';
import { createPairSetStore, insertPairSet } from './pair-set-store.js';
import { createPredictorStore, insertPredictor } from './predictor-store.js';
import type { Schema } from './schema.js';
import { createStudyStore, insertStudy, recordStep } from './study-store.js';

/** A store in a SQLite database. */
export function createSqliteStore(database: Kysely<Schema>): Store {
  return {
    jobs: createJobStore(database),
    leases: createLeaseStore(database),
    labels: createLabelStore(database),
    studies: createStudyStore(database),
    predictors: createPredictorStore(database),
    pairSets: createPairSetStore(database),
    commit: (job, records, timeMs) =>
      database.transaction().execute(async (transaction) => {
        let last = await holdJob(transaction, job);
        if (last === undefined) return undefined;
        for (const record of records) {
          if (record.kind === 'event') last = (await appendEvent(transaction, job, record, timeMs)) ?? last;
          else await insert(transaction, record);
        }
        return last;
      }),
    keep: (records) =>
      database.transaction().execute(async (transaction) => {
        for (const record of records) await insert(transaction, record);
      }),
  };
}

async function insert(database: Kysely<Schema>, record: StoreRecord): Promise<void> {
  switch (record.kind) {
    case 'label':
      return insertLabel(database, record);
    case 'study':
      return insertStudy(database, record);
    case 'study-step':
      return recordStep(database, record);
    case 'predictor':
      return insertPredictor(database, record);
    case 'pair-set':
      return insertPairSet(database, record);
  }
}
