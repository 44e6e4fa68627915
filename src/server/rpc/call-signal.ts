import { PrunecastError } from '../../core/errors/prunecast-error.js';

/** The part of a grpc-js server call that tells of its end. */
interface CancellableCall {
  readonly cancelled: boolean;
  on(event: 'cancelled', listener: () => void): unknown;
}

export interface CallSignal {
  /** Fires when the caller cancels, goes away or runs into its deadline, or when one of the other signals fires. */
  readonly signal: AbortSignal;
  /** Lets go of the other signals; to be called when the call is over. */
  release(): void;
}

/** Turns the end of a call into a signal. `AbortSignal.any` would keep every call's signal alive as long as the server's. */
export function createCallSignal(call: CancellableCall, other?: AbortSignal): CallSignal {
  const controller = new AbortController();
  const cancel = () => controller.abort(new PrunecastError('CANCELLED', 'the caller cancelled the call, went away, or ran into its deadline'));
  const follow = () => controller.abort(other?.reason);
  if (call.cancelled) cancel();
  else call.on('cancelled', cancel);
  if (other?.aborted) follow();
  else other?.addEventListener('abort', follow);
  return { signal: controller.signal, release: () => other?.removeEventListener('abort', follow) };
}

/** Settles as the promise does, or rejects with the signal's reason if that comes first. */
export function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
