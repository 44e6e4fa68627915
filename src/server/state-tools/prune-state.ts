import { openDatabase } from '../adapters/sqlite/open-database.js';
import { pruneDatabase, type Pruned, type PruneLimits } from '../adapters/sqlite/prune-database.js';
import { StateInUse } from '../../state-folder/state-in-use.js';
import { requireStore } from './require-store.js';

/**
 * Removes old jobs and labels of a state folder that no server has.
 *
 * @throws Error that says what to do, if a server has it, or it cannot be opened
 */
export async function pruneState(stateDirectory: string, limits: PruneLimits, mode: 'dry' | 'remove'): Promise<Pruned> {
  await requireStore(stateDirectory);
  const opened = await openDatabase(stateDirectory).catch((error: unknown) => {
    if (!(error instanceof StateInUse)) throw error;
    throw new Error(
      `a server uses the state folder ${stateDirectory}: stop it, prune, and start it again; while it runs, \`prunecast jobs delete\` removes one job at a time`,
      { cause: error },
    );
  });
  try {
    return await pruneDatabase(opened.database, limits, mode);
  } finally {
    await opened.close();
  }
}
