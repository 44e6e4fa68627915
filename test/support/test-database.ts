import { rm } from 'node:fs/promises';
import { afterEach, beforeEach } from 'vitest';
import type { Store } from '../../src/core/ports/store.js';
import { openDatabase, type OpenDatabase } from '../../src/server/adapters/sqlite/open-database.js';
import { createSqliteStore } from '../../src/server/adapters/sqlite/sqlite-store.js';
import { openPairSetRecords, type PairSetRecords } from '../../src/server/records/pair-set-records.js';
import { openPredictorRecords, type PredictorRecords } from '../../src/server/records/predictor-records.js';
import { openStudyRecords, type StudyRecords } from '../../src/server/records/study-records.js';
import { openJobRecords, type JobRecords } from './job-records.js';
import { makeFolder } from './test-server.js';

/** The database of a test, in a folder that goes with it. */
export interface TestDatabase extends Pick<OpenDatabase, 'database'> {
  readonly folder: string;
  /** Closes the database and opens it again, as the next server does. */
  reopen(): Promise<void>;
}

/** Gives each test of a file, or of a `describe`, a new database. */
export function useDatabase(): TestDatabase {
  let folder = '';
  let open: OpenDatabase;
  beforeEach(async () => {
    folder = await makeFolder();
    open = await openDatabase(folder);
  });
  afterEach(async () => {
    await open.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    get folder() {
      return folder;
    },
    get database() {
      return open.database;
    },
    reopen: async () => {
      await open.close();
      open = await openDatabase(folder);
    },
  };
}

/** A store, and what is in it as messages of the API. */
export interface Records {
  readonly store: Store;
  readonly jobs: JobRecords;
  readonly studies: StudyRecords;
  readonly predictors: PredictorRecords;
  readonly pairSets: PairSetRecords;
}

/** The store in an open database. */
export function recordsIn(database: OpenDatabase['database']): Records {
  return recordsOf(createSqliteStore(database));
}

export function recordsOf(store: Store): Records {
  return {
    store,
    jobs: openJobRecords(store),
    studies: openStudyRecords(store.studies),
    predictors: openPredictorRecords(store.predictors),
    pairSets: openPairSetRecords(store.pairSets),
  };
}
