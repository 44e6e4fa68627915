import type { Status } from '../../../gen/google/rpc/status.js';
import type { CallContext } from './call-context.js';

/** How a call ends: `undefined` is OK. */
export type CallEnd = Status | undefined;

/**
 * Does something around every call, whatever its kind. `next` is the rest of the call: the other interceptors, then the
 * handler, which reads the requests and sends the answers. Each calls it once, or throws to refuse the call.
 */
export type Interceptor = (context: CallContext, next: () => Promise<CallEnd>) => Promise<CallEnd>;

/** Runs a call through interceptors, the first outermost. */
export function intercept(
  interceptors: readonly Interceptor[],
  context: CallContext,
  handle: () => Promise<CallEnd>,
): Promise<CallEnd> {
  const run = (index: number): Promise<CallEnd> => {
    const interceptor = interceptors[index];
    return interceptor === undefined ? handle() : interceptor(context, () => run(index + 1));
  };
  return run(0);
}
