import type { handleUnaryCall } from '@grpc/grpc-js';
import { encodeStatus } from '../errors/encode-status.js';
import { takeRequest } from '../requests/read-request.js';
import type { Served } from './call-context.js';
import { createCallSignal } from './call-signal.js';
import { toStatusObject } from './status-object.js';

/**
 * A unary method. `signal` fires when the caller cancels, goes away or runs into its deadline, and when the server stops; a
 * thrown error becomes a status with details.
 */
export function serveUnary<Request, Response>(
  answer: (request: Request, signal: AbortSignal) => Promise<Response> | Response,
): Served<handleUnaryCall<Request, Response>> {
  return ({ log, stopping, encode }) =>
    async (call, callback) => {
      const { signal, release } = createCallSignal(call, stopping);
      try {
        callback(null, encode(await answer(takeRequest(call.request), signal)));
      } catch (error) {
        callback(toStatusObject(encodeStatus(error, log.child({ method: call.getPath() }))));
      } finally {
        release();
      }
    };
}
