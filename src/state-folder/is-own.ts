import type { Stats } from 'node:fs';

/**
 * Whether something in a file system belongs to the user of this process, and others have none of some rights to it
 * (0o022: to write). Always on Windows, which has no such owners.
 */
export function isOwn({ uid, mode }: Pick<Stats, 'uid' | 'mode'>, denied: number): boolean {
  const user = process.getuid?.();
  return user === undefined || (uid === user && (mode & denied) === 0);
}
