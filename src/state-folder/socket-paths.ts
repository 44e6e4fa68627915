import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
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
 * `/tmp`, which is created if needed. They are the same by each name that links give the state folder, and whatever
 * TMPDIR is: a server and its commands may have different ones.
 *
 * @throws Error that says what to do, if that folder cannot be made, or belongs to somebody else
 */
export function findSockets(stateDirectory: string): SocketPaths {
  const real = findReal(resolve(stateDirectory));
  const inside = pathsIn(real, '');
  if (Buffer.byteLength(inside.attendance) <= MOST_SOCKET_PATH_BYTES) return inside;
  const digest = createHash('sha256').update(real).digest('hex').slice(0, 16);
  return pathsIn(makeOwnFolder(real), `${digest}-`);
}

/** A path without links, as far as it exists. */
function findReal(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(findReal(dirname(path)), basename(path));
  }
}

function pathsIn(folder: string, prefix: string): SocketPaths {
  return { attendance: join(folder, `${prefix}attendance.sock`), calls: join(folder, `${prefix}server.sock`) };
}

/** Everyone may write to the parent: a folder that another user has put there is refused. */
function makeOwnFolder(stateDirectory: string): string {
  const folder = join(SHORT_PLACE, `prunecast-${process.getuid?.() ?? 'user'}`);
  const refuse = (why: string, cause?: unknown): Error =>
    new Error(
      `the path of the state folder is too long for sockets in it (${Buffer.byteLength(stateDirectory)} bytes, ${stateDirectory}), and ${folder}, where they lie then, ${why}, or name a state folder with a shorter path, with --state-dir DIR or PRUNECAST_STATE_DIRECTORY=DIR`,
      { cause },
    );
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST'))
      throw refuse(`cannot be made (${error instanceof Error ? error.message : String(error)}): make it`, error);
  }
  const found = lstatSync(folder);
  if (!found.isDirectory() || !isOwn(found, 0o077))
    throw refuse('is not yours alone: remove it, or take the rights of others with `chmod 700`');
  return folder;
}

/** There on every Unix, short, and the same for all processes of a user, as TMPDIR is not. */
const SHORT_PLACE = process.platform === 'win32' ? tmpdir() : '/tmp';
