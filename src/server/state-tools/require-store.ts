import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { STATE_DATABASES } from '../adapters/files/private-state.js';

/** The path of the database of a state folder. Throws an Error that says what to do if it is not there. */
export async function requireStore(stateDirectory: string): Promise<string> {
  const path = join(stateDirectory, STATE_DATABASES.store);
  if ((await stat(path).catch(() => undefined))?.isFile() !== true)
    throw new Error(`${stateDirectory} has no ${STATE_DATABASES.store}: name a state folder with --state-dir DIR`);
  return path;
}
