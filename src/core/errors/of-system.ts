import { PrunecastError } from './prunecast-error.js';

/** Other calls end within seconds, and close what they have open. */
const RETRY_AFTER_MS = 5000;

/**
 * What the system refused for want of something that comes back: a reasoned error for the caller in place of a fault of
 * the server. undefined for every other error.
 */
export function ofSystem(error: unknown): PrunecastError | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EMFILE':
    case 'ENFILE':
      return new PrunecastError(
        'OVERLOADED',
        `the server has as many files open as the system allows (${code}): try again later, or raise its limit`,
        { retryAfterMs: RETRY_AFTER_MS, cause: error },
      );
    case 'EAGAIN':
    case 'ERR_WORKER_INIT_FAILED':
      return new PrunecastError(
        'OVERLOADED',
        `the system lets the server start no more threads (${code}): try again later, or raise its limit`,
        { retryAfterMs: RETRY_AFTER_MS, cause: error },
      );
    case 'ENOMEM':
    case 'ERR_WORKER_OUT_OF_MEMORY':
      return new PrunecastError(
        'MEMORY_EXCEEDED',
        `the system has no more memory for the server (${code}): lower memoryBudgetBytes, or ask for less at once`,
        { cause: error },
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new PrunecastError(
        'STORAGE_FULL',
        `a disk that the server writes to, most likely that of the state folder, is full (${code}): free some space`,
        { metadata: { code }, cause: error },
      );
    default:
      return undefined;
  }
}
