import { chmod } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';
import { removeStaleSocket } from './stale-socket.js';

/**
 * Listens on a socket that only the user of this process can connect to, in place of one that a killed server has left.
 *
 * A socket gets its mode when it is bound: if it is changed afterwards, others can connect in between. So it is bound
 * under a mask, the only way to give it one. The mask is that of the whole process, so what else makes a file in these
 * few milliseconds makes a private one. Threads cannot set it: there the mode is set afterwards, and only a private
 * folder around the socket keeps others out all the time.
 *
 * @param listen resolves when the socket is bound
 * @throws Error if a live server listens there, or something else has this path
 */
export async function listenPrivately<Result>(path: string, listen: () => Promise<Result>): Promise<Result> {
  await removeStaleSocket(path);
  if (isMainThread) return underPrivateMask(listen);
  const result = await listen();
  await chmod(path, 0o600);
  return result;
}

/** The process has one mask: two at a time would restore each other's. */
let last: Promise<unknown> = Promise.resolve();

function underPrivateMask<Result>(work: () => Promise<Result>): Promise<Result> {
  const result = last.then(async () => {
    const before = process.umask(0o177);
    try {
      return await work();
    } finally {
      process.umask(before);
    }
  });
  last = result.catch(() => undefined);
  return result;
}
