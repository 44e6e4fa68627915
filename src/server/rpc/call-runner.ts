import { type Metadata, ServerInterceptingCall, type ServerInterceptor, type ServerUnaryCall } from '@grpc/grpc-js';
import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import { listInterceptors, type CallSettings } from './call-settings.js';
import { Call, describeCancelled, type CallContext, type CallSource } from './interceptors/call-context.js';
import { errors } from './interceptors/errors.js';
import { intercept, type CallEnd } from './interceptors/interceptor.js';
import { describeLibraryFailure } from './library-failure.js';
import { findLongMetadata } from './metadata-bounds.js';
import { toStatusObject } from './status-object.js';

/** A call of grpc-js, whatever its kind. */
interface IncomingCall
  extends CallState,
    Pick<ServerUnaryCall<unknown, unknown>, 'cancelled' | 'metadata' | 'getPath'> {
  on(event: 'cancelled', listener: () => void): unknown;
  off(event: 'cancelled', listener: () => void): unknown;
}

/**
 * Where the context of a call is kept: at the one object that grpc-js has for each call and shows both to its
 * interceptors and to handlers. A WeakMap would do too, but the garbage collector takes twice as long with one.
 */
const CONTEXT = Symbol('call context');

/** The state of a call in grpc-js, at any time. */
interface CallState extends CallSource {
  getMetricsRecorder(): object;
}

function keeperOf(call: CallState): { [CONTEXT]?: CallContext } {
  return call.getMetricsRecorder();
}

/** A call that has ended. */
export interface EndedCall {
  readonly end: CallEnd;
  /** What the call is named by in the log. */
  readonly callId: string;
}

/** Runs every call of a server, of whatever kind, through one chain of interceptors. */
export interface CallRunner {
  /** Runs a handler within the chain. Never rejects; never settles if gRPC itself has failed the call already. */
  run(call: IncomingCall, handle: (context: CallContext) => Promise<CallEnd>): Promise<EndedCall>;
  /**
   * To be given to grpc-js, so that also the calls that it ends by itself get a status with details, and are logged and
   * counted: a request that is too large, or cannot be decompressed, is refused before any handler sees the call.
   */
  readonly guard: ServerInterceptor;
}

export function createCallRunner(settings: CallSettings): CallRunner {
  const { log, telemetry } = settings;
  const { watching, all } = listInterceptors(settings);
  const begin = (call: CallState, method: string, metadata?: Metadata): CallContext => {
    const context = new Call(call, { method, metadata, log, telemetry });
    keeperOf(call)[CONTEXT] = context;
    return context;
  };
  return {
    run: async (call, handle) => {
      if (keeperOf(call)[CONTEXT] !== undefined) return new Promise(() => undefined);
      const context = begin(call, call.getPath().slice(1), call.metadata);
      const cancel = (): void => context.end(describeCancelled());
      if (call.cancelled) cancel();
      else call.on('cancelled', cancel);
      // gRPC tells of the end of every call as of a cancellation, and an error costs more than a call.
      const refusal = findLongMetadata(call.metadata);
      const end = await (refusal
        ? intercept(watching, context, () => Promise.reject(refusal))
        : intercept(all, context, () => handle(context)));
      call.off('cancelled', cancel);
      return { end, callId: context.callId };
    },
    guard: ({ path }, call) => {
      const method = path.slice(1);
      const send = call.sendStatus.bind(call);
      const fail = async (failure: PrunecastError): Promise<void> => {
        const begun = keeperOf(call)[CONTEXT];
        // A call that has begun is logged and counted when its handler has ended.
        begun?.end(failure);
        const context = begun ?? begin(call, method);
        const end = await intercept(begun ? [errors] : watching, context, () => Promise.reject(failure));
        if (end !== undefined) send(toStatusObject(end, context.callId));
      };
      // No interceptor of the library sees the statuses that it sends by itself: it calls this method of the innermost
      // call.
      call.sendStatus = (status) => {
        const failure = describeLibraryFailure(method, status);
        if (failure === undefined) send(status);
        else void fail(failure);
      };
      return new ServerInterceptingCall(call);
    },
  };
}
