import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Int8Check } from '../graph/measure-int8.js';
import { startGatedWorker } from './gated-worker.js';
import { workerUrl } from './worker-url.js';

/** What the thread of a check is started with. */
export interface Int8CheckTask {
  /** From `startGatedWorker`. */
  readonly gate: Int32Array;
}

/**
 * Tries 8-bit products in a separate thread on the first call; later calls return the same answer. Throws INTERNAL if
 * the thread fails.
 */
export function createInt8Check(): () => Promise<Int8Check> {
  let check: Promise<Int8Check> | undefined;
  return () => {
    check ??= runCheck().catch((error: unknown) => {
      check = undefined;
      throw error;
    });
    return check;
  };
}

async function runCheck(): Promise<Int8Check> {
  const { worker, exited } = startGatedWorker(workerUrl(new URL('./int8-check-worker.js', import.meta.url)), {});
  try {
    return await new Promise<Int8Check>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', (cause) =>
        reject(new PrunecastError('INTERNAL', 'the check of 8-bit products failed', { cause })),
      );
      worker.once('exit', (code) =>
        reject(
          new PrunecastError('INTERNAL', `the check of 8-bit products ended with code ${code} before it answered`),
        ),
      );
    });
  } finally {
    await exited;
  }
}
