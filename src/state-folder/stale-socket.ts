import { lstat, unlink } from 'node:fs/promises';
import { createConnection } from 'node:net';

/**
 * Removes a socket that a killed server left behind.
 *
 * @throws Error if a live server listens there, or something else has this path
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (!found) return;
  if (!found.isSocket())
    throw new Error(`unix:${path} is there and is not a socket: remove it, or choose another path`);
  if (await hasListener(path))
    throw new Error(`unix:${path}: another server listens there: stop it, or choose another path`);
  await unlink(path);
}

function hasListener(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      if (isCode(error, 'ECONNREFUSED') || isCode(error, 'ENOENT')) resolve(false);
      else reject(error);
    });
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
