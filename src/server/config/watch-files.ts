import { unwatchFile, watchFile } from 'node:fs';

/** How often files are looked at. By polling, since it also notices a link that leads to another file, as in a mounted secret. */
export const LOOK_MS = 1000;

/**
 * Calls `read` after each change of one of the files, one at a time, so that what was read last counts; returns what
 * ends that. What it throws goes to `failed`.
 */
export function watchFiles(
  paths: readonly string[],
  { read, failed }: { readonly read: () => Promise<void>; readonly failed: (error: unknown) => void },
): () => void {
  let last: Promise<void> = Promise.resolve();
  const listener = (): void => {
    last = last.then(read).catch(failed);
  };
  for (const path of paths) watchFile(path, { interval: LOOK_MS, persistent: false }, listener);
  return () => {
    for (const path of paths) unwatchFile(path, listener);
  };
}
