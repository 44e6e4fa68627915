import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isOwn } from './is-own.js';

/** The sockets by which programs of the same user find the server of a state folder. */
export interface SocketPaths {
  /** Where it greets who attends, and sees who does. */
  readonly attendance: string;
  /** Where it takes calls of those who attend. */
  readonly calls: string;
}

/** The longest path that a socket address holds on macOS, with its closing zero; Linux takes four more. */
export const MOST_SOCKET_PATH_BYTES = 103;

/**
 * Where the sockets of a state folder are: in it, or if its path is too long for that, in a folder of this user under
 * that for temporary files, which is created if needed.
 *
 * @throws Error if that folder belongs to somebody else
 */
export function findSockets(stateDirectory: string): SocketPaths {
  const inside = pathsIn(resolve(stateDirectory), '');
  if (Buffer.byteLength(inside.attendance) <= MOST_SOCKET_PATH_BYTES) return inside;
  const digest = createHash('sha256').update(resolve(stateDirectory)).digest('hex').slice(0, 16);
  return pathsIn(makeOwnFolder(), `${digest}-`);
}

function pathsIn(folder: string, prefix: string): SocketPaths {
  return { attendance: join(folder, `${prefix}attendance.sock`), calls: join(folder, `${prefix}server.sock`) };
}

/** Everyone may write to the parent: a folder that another user has put there is refused. */
function makeOwnFolder(): string {
  const folder = join(tmpdir(), `prunecast-${process.getuid?.() ?? 'user'}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || !isOwn(found, 0o077))
    throw new Error(
      `${folder}, where sockets of long state folders lie, is not yours alone: remove it, or name a state folder with a shorter path`,
    );
  return folder;
}
