import type { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { Interceptor } from './interceptor.js';

/**
 * Fires the signal when the server stops. Not by `AbortSignal.any`, which would keep each call's signal for as long as
 * the server's.
 *
 * @param signal its reason is a PrunecastError
 */
export function createStopping(signal: AbortSignal): Interceptor {
  return async (context, next) => {
    const end = (): void => context.end(signal.reason as PrunecastError);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
    try {
      return await next();
    } finally {
      signal.removeEventListener('abort', end);
    }
  };
}
