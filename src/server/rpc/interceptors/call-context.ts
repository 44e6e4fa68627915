import type { Metadata } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { CallOrigin } from '../../../core/ports/authenticator.js';
import type { Telemetry } from '../../../core/ports/telemetry.js';

/** One call, as interceptors and handlers see it. */
export interface CallContext extends CallOrigin {
  /** Milliseconds since 1970; Infinity if the caller set no deadline. */
  readonly deadlineMs: number;
  /** Fires when the caller cancels or goes away, at the deadline, and when the server stops. Its reason is a PrunecastError. */
  readonly signal: AbortSignal;
  /** Names the method in every line. */
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /** Fires the signal, unless it has fired already. */
  end(error: PrunecastError): void;
}

/** What grpc-js tells of a call at any time. */
export interface CallFacts {
  getPeer(): string;
  /** Infinity if there is none. */
  getDeadline(): Date | number;
  /** The same object at all times, and another for every other call. */
  getMetricsRecorder(): object;
}

interface CallParts extends Pick<CallContext, 'method' | 'log' | 'telemetry'> {
  /** `undefined` if gRPC failed before it had read them. */
  readonly metadata: Metadata | undefined;
}

/** One is made for every call: its own log and the peer only when they are asked for. */
export function createCallContext(call: CallFacts, { method, metadata, log, telemetry }: CallParts): CallContext {
  const controller = new AbortController();
  let ownLog: Logger | undefined;
  return {
    method,
    telemetry,
    deadlineMs: Number(call.getDeadline()),
    signal: controller.signal,
    get peer() {
      return call.getPeer();
    },
    get log() {
      return (ownLog ??= log.child({ method }));
    },
    header: (name) => metadata?.get(name).filter((value) => typeof value === 'string') ?? [],
    end: (error) => controller.abort(error),
  };
}

/** What ends the call of a caller who does not wait for the answer. */
export function describeCancelled(): PrunecastError {
  return new PrunecastError('CANCELLED', 'the caller cancelled the call or went away');
}
