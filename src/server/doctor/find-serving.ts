import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { attend } from '../../state-folder/attend.js';
import { findSockets } from '../../state-folder/socket-paths.js';
import { STATE_DATABASES } from '../adapters/files/private-state.js';

/** Who has a state folder. */
export interface Serving {
  readonly processId: number;
  /** What it is by its own word; undefined if it does not greet, and only holds the lock. */
  readonly server:
    | { readonly kind: 'serve' | 'of-a-command'; readonly version: string; readonly address: string }
    | undefined;
}

/**
 * The server that has a state folder: the one that greets there, else the process that holds its lock, which Linux
 * tells; undefined if there is none. The lock is not tried, since that would keep a server from it that starts meanwhile.
 *
 * @throws Error if the server may be somebody else's, or there cannot be sockets
 */
export async function findServing(stateDirectory: string): Promise<Serving | undefined> {
  const visit = await attend(findSockets(stateDirectory).attendance);
  if (visit !== undefined) {
    await visit.leave({ graceMs: 0 });
    const { processId, kind, version, address } = visit.greeting;
    return { processId, server: { kind, version, address } };
  }
  const processId = await findHolder(join(stateDirectory, STATE_DATABASES.lock));
  return processId === undefined ? undefined : { processId, server: undefined };
}

/** The process that holds a lock on a file, as `/proc/locks` lists them: number, kind, ..., process, device:inode. */
async function findHolder(path: string): Promise<number | undefined> {
  const file = await stat(path).catch(() => undefined);
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  const line = locks.split('\n').find((lock) => file !== undefined && new RegExp(` \\S+:${file.ino} `).test(lock));
  const [, processId] = /^\d+: \S+ +\S+ +\S+ +(\d+) /.exec(line ?? '') ?? [];
  return processId === undefined ? undefined : Number(processId);
}
