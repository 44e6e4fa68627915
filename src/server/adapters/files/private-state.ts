import { chmod, lstat, mkdir, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The databases in the state folder. SQLite gives the files beside each (`-wal`, `-shm`, `-journal`) its mode. */
export const STATE_DATABASES = { store: 'prunecast.db', lock: 'server.lock' } as const;

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** All that servers leave in a state folder; the last is a file system's own. */
const OWN_NAMES =
  /^(?:prunecast\.db|server\.lock)(?:-wal|-shm|-journal)?$|^(?:server\.sock|scores|latencies|scratch|lost\+found)$/;

/**
 * Makes the state folder and what servers keep in it their user's alone, as it holds requests with their texts: 0700 for
 * folders, 0600 for files, whoever made them before. The modes of other things are left, and that of a folder which holds
 * some: it is not the server's own.
 *
 * @returns what other users may still open; empty where all is private, and on Windows, which has no such modes
 */
export async function keepStatePrivate(stateDirectory: string): Promise<string[]> {
  await mkdir(stateDirectory, { recursive: true, mode: FOLDER_MODE });
  if (process.platform === 'win32') return [];
  for (const name of Object.values(STATE_DATABASES))
    await (await open(join(stateDirectory, name), 'a', FILE_MODE)).close();
  const entries = await readdir(stateDirectory);
  const own = entries.filter((name) => OWN_NAMES.test(name));
  const readable =
    own.length < entries.length ? await listReadable(stateDirectory) : await restrict(stateDirectory, FOLDER_MODE);
  const inside = await Promise.all(own.map((name) => restrictAll(join(stateDirectory, name))));
  return [...readable, ...inside.flat()];
}

async function restrictAll(path: string): Promise<string[]> {
  const found = await lstat(path).catch(() => undefined); // a file of SQLite's may go meanwhile
  if (found?.isFile() === true) return restrict(path, FILE_MODE);
  if (found?.isDirectory() !== true) return [];
  const readable = await restrict(path, FOLDER_MODE);
  const inside = await Promise.all((await readdir(path).catch(() => [])).map((name) => restrictAll(join(path, name))));
  return [...readable, ...inside.flat()];
}

async function restrict(path: string, mode: number): Promise<string[]> {
  // Another user's cannot be changed: `listReadable` tells.
  await chmod(path, mode).catch(() => undefined);
  return listReadable(path);
}

async function listReadable(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && (found.mode & 0o077) !== 0 ? [path] : [];
}
