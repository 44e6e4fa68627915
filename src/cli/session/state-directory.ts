import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { defaultStateDirectory, expandHome } from '../../state-folder/state-directory.js';
import type { ServerFlags } from '../options/server.js';

/** What says which state folder a command means. */
export type StateFlags = Pick<ServerFlags, 'stateDir' | 'config'>;

/**
 * The state folder that a command means: that of `serve` with the same flag, variable or file of settings, in this
 * order, or the user's own. The file may come from PRUNECAST_CONFIG.
 *
 * @throws InvalidArgumentError if the file cannot be read
 */
export async function findStateDirectory(
  { stateDir, config }: StateFlags,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  const given = stateDir ?? environment['PRUNECAST_STATE_DIRECTORY'] ?? '';
  if (given !== '') return resolve(expandHome(given));
  const file = config ?? environment['PRUNECAST_CONFIG'] ?? '';
  return (file === '' ? undefined : await readStateDirectory(file)) ?? defaultStateDirectory({ environment });
}

/** The variables by which a process of the server's finds the same folder. */
export function stateVariables({ stateDir, config }: StateFlags): Record<string, string> {
  return {
    ...(stateDir !== undefined && { PRUNECAST_STATE_DIRECTORY: resolve(stateDir) }),
    ...(config !== undefined && { PRUNECAST_CONFIG: resolve(config) }),
  };
}

/** What a file of settings says, relative to its own folder; undefined if it says nothing. */
async function readStateDirectory(file: string): Promise<string | undefined> {
  try {
    // A tenth of the start of any command: loaded for those alone that have such a file.
    const { parse } = await import('yaml');
    const settings: unknown = parse(await readFile(file, 'utf8'));
    const named = typeof settings === 'object' && settings !== null && 'stateDirectory' in settings;
    return named ? resolve(dirname(file), expandHome(String(settings.stateDirectory))) : undefined;
  } catch (error) {
    const [fault] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new InvalidArgumentError(`the file of settings ${file} cannot be read: ${fault}`);
  }
}
