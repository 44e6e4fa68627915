import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { parseGreeting, type Greeting } from './greeting.js';

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

/** Attends the server that greets on a socket; `undefined` if none does, or it is about to end. */
export async function attend(path: string): Promise<Visit | undefined> {
  const socket = createConnection({ path, allowHalfOpen: true });
  // It is closed after an error, which says all that there is to know.
  socket.on('error', () => undefined);
  const greeting = await readGreeting(socket);
  if (greeting === undefined) {
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
