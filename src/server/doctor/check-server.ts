import { once } from 'node:events';
import { lstat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { findSockets } from '../../state-folder/socket-paths.js';
import { STATE_DATABASES } from '../adapters/files/private-state.js';
import { VERSION } from '../config/version.js';
import type { Check } from './check.js';
import { findServing } from './find-serving.js';

const name = 'server';

/** Whether a server has the state folder, and commands find it: its lock and its sockets, which are only looked at. */
export async function checkServer(stateDirectory: string): Promise<Check> {
  const isHidden = await lstat(join(stateDirectory, STATE_DATABASES.lock)).then(
    () => false,
    (error: unknown) => error instanceof Error && 'code' in error && error.code !== 'ENOENT',
  );
  if (isHidden)
    return { name, state: 'warn', finding: 'not known: the state folder cannot be looked into', advice: 'see state' };
  const serving = await findServing(stateDirectory);
  const { attendance } = findSockets(stateDirectory);
  if (serving === undefined) {
    const isLeft = (await lstat(attendance).catch(() => undefined)) !== undefined;
    return {
      name,
      state: 'ok',
      finding: `none has the state folder: a command starts its own${isLeft ? `; the one before was killed, and the next takes the place of ${attendance}` : ''}`,
    };
  }
  const { processId, server } = serving;
  if (server === undefined)
    return {
      name,
      state: 'warn',
      finding: `process ${processId} holds the lock of the state folder, and does not answer at ${attendance}`,
      advice: 'it may be starting or ending: try again in some seconds. If it stays so, stop that process',
    };
  const what = `${server.kind === 'serve' ? '`prunecast serve`' : 'the server of a command'} has the state folder: process ${processId}, version ${server.version}`;
  const path = server.address.replace(/^unix:/, '');
  if (!(await answers(path)))
    return {
      name,
      state: 'fail',
      finding: `${what}; nothing answers at ${path}`,
      advice: 'commands cannot call it: stop it and start it again',
    };
  if (server.version === VERSION) return { name, state: 'ok', finding: `${what}, answers` };
  return {
    name,
    state: 'fail',
    finding: `${what}; this is ${VERSION}`,
    advice: 'commands of this version cannot use it: stop it, or name another state folder with --state-dir DIR',
  };
}

async function answers(path: string): Promise<boolean> {
  const socket = createConnection(path);
  return once(socket, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy());
}
