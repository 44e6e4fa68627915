import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { STATE_DATABASES } from '../adapters/files/private-state.js';
import type { Check } from './check.js';
import { checkFolder } from './check-folder.js';

/** Whether a server can write the state folder, and what earlier servers left in it. */
export async function checkState(stateDirectory: string): Promise<Check> {
  const name = 'state';
  const files = Object.values(STATE_DATABASES).map((file) => join(stateDirectory, file));
  const refusals = await Promise.all(
    files.map((file) =>
      open(file, 'r+').then(
        async (handle) => handle.close().then(() => []),
        (error: unknown) => (isMissing(error) ? [] : [file]),
      ),
    ),
  );
  const [refused] = refusals.flat();
  const folder = await checkFolder(name, stateDirectory, '--state-dir or PRUNECAST_STATE_DIRECTORY');
  if (folder.state === 'fail' || refused === undefined) return folder;
  return {
    name,
    state: 'fail',
    finding: `${refused} cannot be read and written, though its folder can: another user's server has made it`,
    advice: `run \`chown\` on the state folder as root (\`ls -l\` shows who owns what), or name another with --state-dir or PRUNECAST_STATE_DIRECTORY`,
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
