import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { ServingState } from '../../../core/serving-state.js';
import type { Interceptor } from './interceptor.js';

/** How long a caller may wait before it asks a server again that starts. */
const RETRY_MS = 500;

/** Refuses calls, except about health and reflection, while the server still recovers what it has left unfinished. */
export function createStarting(state: ServingState): Interceptor {
  return async (context, next) => {
    if (state.phase === 'starting' && !context.method.startsWith('grpc.'))
      throw new PrunecastError('SERVER_STARTING', 'the server recovers its jobs: ask again in a moment', {
        retryAfterMs: RETRY_MS,
      });
    return next();
  };
}
