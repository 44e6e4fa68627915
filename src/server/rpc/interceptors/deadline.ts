import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { CallContext } from './call-context.js';
import type { Interceptor } from './interceptor.js';

/** A call ends so long before its deadline, so that no message is being written at the moment when grpc-js ends it. */
const EARLY_MS = 2;

/** The longest time that a timer of Node takes: 24 days. */
const MOST_TIMEOUT_MS = 2 ** 31 - 1;

/** Fires the signal at the deadline that the caller set. */
export const deadline: Interceptor = async (context, next) => {
  if (context.deadlineMs === Infinity) return next();
  const leftMs = context.deadlineMs - EARLY_MS - Date.now();
  const timer = setTimeout(() => context.end(describeExpired()), Math.min(leftMs, MOST_TIMEOUT_MS));
  try {
    return await next();
  } finally {
    clearTimeout(timer);
  }
};

/** Fires the signal at the deadline even if the timer is late; to be called before each message of a stream. */
export function endIfExpired(context: CallContext): void {
  if (Date.now() >= context.deadlineMs - EARLY_MS) context.end(describeExpired());
}

export function describeExpired(): PrunecastError {
  return new PrunecastError('DEADLINE_EXCEEDED', 'the call ran into its deadline: give it more time');
}
