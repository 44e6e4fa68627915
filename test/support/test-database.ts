import { rm } from 'node:fs/promises';
import { afterEach, beforeEach } from 'vitest';
import { openDatabase, type OpenDatabase } from '../../src/server/store/open-database.js';
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
