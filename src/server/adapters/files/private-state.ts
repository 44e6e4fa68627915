import { chmod, lstat, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeStateDirectory } from '../../../state-folder/state-directory.js';

/** The databases in the state folder. SQLite gives the files beside each (`-wal`, `-shm`, `-journal`) the same mode. */
export const STATE_DATABASES = { store: 'prunecast.db', lock: 'server.lock' } as const;

/** The file that keeps room on the disk. */
export const STATE_RESERVE = 'reserve';

/** The folders beside them. */
export const STATE_FOLDERS = ['uploaded', 'scores', 'latencies', 'scratch', 'plugins'] as const;

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** All that servers leave in a state folder; the last belongs to the file system. */
const OWN_NAMES = new RegExp(
  `^(?:prunecast\\.db|server\\.lock)(?:-wal|-shm|-journal)?$|^(?:(?:server|attendance)\\.sock|${STATE_RESERVE}|${STATE_FOLDERS.join('|')}|lost\\+found)$`,
);

/**
 * Lets only the server's user open the state folder and what servers keep in it, since it holds requests with their
 * texts: 0700 for folders, 0600 for files, whoever created them. The modes of other things are left alone, and so is
 * the mode of a folder that holds some: it does not belong to the server alone.
 *
 * @throws Error that names the setting if the folder cannot be made or written
 * @returns what other users may still open; empty if all is private, and on Windows, which has no such modes
 */
export async function keepStatePrivate(stateDirectory: string): Promise<string[]> {
  makeStateDirectory(stateDirectory);
  if (process.platform === 'win32') return [];
  for (const name of Object.values(STATE_DATABASES)) await makeFile(join(stateDirectory, name));
  const entries = await readdir(stateDirectory);
  const own = entries.filter((name) => OWN_NAMES.test(name));
  const readable =
    own.length < entries.length ? await listReadable(stateDirectory) : await restrict(stateDirectory, FOLDER_MODE);
  const inside = await Promise.all(own.map((name) => restrictAll(join(stateDirectory, name))));
  return [...readable, ...inside.flat()];
}

/** The names of what lies in a state folder and is not of a server. */
export async function listForeign(stateDirectory: string): Promise<string[]> {
  return (await readdir(stateDirectory)).filter((name) => !OWN_NAMES.test(name));
}

async function makeFile(path: string): Promise<void> {
  try {
    await (await open(path, 'a', FILE_MODE)).close();
  } catch (error) {
    throw new Error(
      `${path} cannot be written (${error instanceof Error ? error.message : String(error)}): if another user's server has made it, run \`chown\` on the state folder as root, or name another with --state-dir DIR or PRUNECAST_STATE_DIRECTORY=DIR`,
      { cause: error },
    );
  }
}

async function restrictAll(path: string): Promise<string[]> {
  const found = await lstat(path).catch(() => undefined); // SQLite may remove a file meanwhile
  if (found?.isFile() === true) return restrict(path, FILE_MODE);
  if (found?.isDirectory() !== true) return [];
  const readable = await restrict(path, FOLDER_MODE);
  const inside = await Promise.all((await readdir(path).catch(() => [])).map((name) => restrictAll(join(path, name))));
  return [...readable, ...inside.flat()];
}

async function restrict(path: string, mode: number): Promise<string[]> {
  // The mode of another user's file cannot be changed: `listReadable` reports it.
  await chmod(path, mode).catch(() => undefined);
  return listReadable(path);
}

async function listReadable(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && (found.mode & 0o077) !== 0 ? [path] : [];
}
