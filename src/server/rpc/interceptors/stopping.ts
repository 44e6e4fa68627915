import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { CallContext } from './call-context.js';
import type { Interceptor } from './interceptor.js';

/**
 * Fires the signal when the server stops. A stream of events ends with the number after which it can be gone on with. Not by `AbortSignal.any`, which would keep each call's signal for as long as
 * the server's.
 *
 * @param signal its reason is a PrunecastError
 */
export function createStopping(signal: AbortSignal): Interceptor {
  return async (context, next) => {
    const end = (): void => context.end(withPosition(signal.reason as PrunecastError, context));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
    try {
      return await next();
    } finally {
      signal.removeEventListener('abort', end);
    }
  };
}

function withPosition(error: PrunecastError, { reached }: Pick<CallContext, 'reached'>): PrunecastError {
  if (reached === undefined) return error;
  const { jobId, sequence } = reached;
  return new PrunecastError(error.reason, error.message, {
    metadata: { ...error.metadata, job_id: jobId, after_sequence: String(sequence) },
  });
}
