import type { Deadline } from '@grpc/grpc-js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';

/** A call ends so long before its deadline by itself, so that no message is written at the moment that grpc-js ends it. */
const EARLY_MS = 2;

/** The longest time that a timer of Node takes: 24 days. */
const MOST_TIMEOUT_MS = 2 ** 31 - 1;

/** The part of a grpc-js server call that tells of its end. */
interface CancellableCall {
  readonly cancelled: boolean;
  getDeadline(): Deadline;
  on(event: 'cancelled', listener: () => void): unknown;
}

export interface CallSignal {
  /** Fires when the caller cancels, goes away or runs into its deadline, or when one of the other signals fires. */
  readonly signal: AbortSignal;
  /** Throws the signal's reason when it has fired, or is about to by the deadline; to be called before each message of a stream. */
  throwIfOver(): void;
  /** Lets go of the other signals; to be called when the call is over. */
  release(): void;
}

/** Turns the end of a call into a signal. `AbortSignal.any` would keep every call's signal alive as long as the server's. */
export function createCallSignal(call: CancellableCall, other?: AbortSignal): CallSignal {
  const controller = new AbortController();
  const cancel = () => controller.abort(new PrunecastError('CANCELLED', 'the caller cancelled the call or went away'));
  const expire = () =>
    controller.abort(new PrunecastError('DEADLINE_EXCEEDED', 'the call ran into its deadline: give it more time'));
  // Infinity where the caller set none.
  const endMs = Number(call.getDeadline()) - EARLY_MS;
  const timer = Number.isFinite(endMs) ? setTimeout(expire, Math.min(endMs - Date.now(), MOST_TIMEOUT_MS)) : undefined;
  const follow = () => controller.abort(other?.reason);
  if (call.cancelled) cancel();
  else call.on('cancelled', cancel);
  if (other?.aborted) follow();
  else other?.addEventListener('abort', follow);
  return {
    signal: controller.signal,
    throwIfOver: () => {
      if (Date.now() >= endMs) expire();
      controller.signal.throwIfAborted();
    },
    release: () => {
      clearTimeout(timer);
      other?.removeEventListener('abort', follow);
    },
  };
}
