import { once } from 'node:events';
import { lstat, realpath, stat } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { parseGreeting, type Greeting } from './greeting.js';
import { isOwn } from './is-own.js';

/** A server that this process attends. */
export interface Visit {
  readonly greeting: Greeting;
  /** Fires when the server ends, unless this process has left before. */
  readonly ended: AbortSignal;
  /** Leaves it. If that ends the server, waits until it has ended, `graceMs` (default 10,000) at most. */
  leave(options?: { readonly graceMs?: number }): Promise<void>;
}

/** How long a live server may take to greet: it may be busy. */
const GREETING_MS = 10_000;

/**
 * Attends the server that greets on a socket; `undefined` if none does, or it is about to end. One whose calls would go
 * elsewhere than to the folder of that socket is none.
 *
 * @throws Error if the socket may be somebody else's: he would read what is asked of it
 */
export async function attend(path: string): Promise<Visit | undefined> {
  if (!(await isThere(path))) return undefined;
  const socket = createConnection({ path, allowHalfOpen: true });
  // It is closed after an error, which says all that there is to know.
  socket.on('error', () => undefined);
  const greeting = await readGreeting(socket);
  if (greeting === undefined || !(await liesBeside(path, greeting.address))) {
    socket.destroy();
    return undefined;
  }
  const ended = new AbortController();
  let hasLeft = false;
  const closed = once(socket, 'close');
  socket.once('close', () => {
    if (!hasLeft) ended.abort();
  });
  socket.on('end', () => socket.destroy()).resume();
  return {
    greeting,
    ended: ended.signal,
    leave: async ({ graceMs = 10_000 } = {}) => {
      hasLeft = true;
      socket.end();
      const timer = setTimeout(() => socket.destroy(), graceMs);
      if (!socket.destroyed) await closed;
      clearTimeout(timer);
    },
  };
}

async function isThere(path: string): Promise<boolean> {
  const folder = dirname(path);
  // The folder first: what lies in one that only this user can write stays what it is.
  const [around, socket] = [await stat(folder).catch(() => undefined), await lstat(path).catch(() => undefined)];
  if (around === undefined || socket === undefined) return false;
  if (!isOwn(around, OTHERS_WRITE) || !isOwn(socket, 0))
    throw new Error(
      `the server in ${folder} may be somebody else's: the folder and its sockets must belong to you, and others may not write there. Run \`chmod go-w\` on it if it is yours, or name another state folder with --state-dir DIR or PRUNECAST_STATE_DIRECTORY=DIR`,
    );
  return true;
}

const OTHERS_WRITE = 0o022;

/** Whether an address is `unix:` and an absolute path in the same folder, which may have several names. */
async function liesBeside(path: string, address: string): Promise<boolean> {
  // With two slashes what follows would be a host.
  const [, told] = /^unix:(\/(?!\/).*)$/.exec(address) ?? [];
  const folder = await realFolderOf(path);
  return told !== undefined && folder !== undefined && folder === (await realFolderOf(told));
}

function realFolderOf(path: string): Promise<string | undefined> {
  return realpath(dirname(path)).catch(() => undefined);
}

function readGreeting(socket: Socket): Promise<Greeting | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const settle = (greeting: Greeting | undefined): void => {
      clearTimeout(timer);
      socket.pause().off('data', read).off('end', giveUp).off('close', giveUp);
      resolve(greeting);
    };
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (text.includes('\n')) settle(parseGreeting(text));
    };
    const giveUp = (): void => settle(undefined);
    const timer = setTimeout(giveUp, GREETING_MS);
    socket.on('data', read).on('end', giveUp).on('close', giveUp);
  });
}
