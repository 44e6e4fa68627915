import type { handleClientStreamingCall } from '@grpc/grpc-js';
import { encodeStatus } from '../errors/encode-status.js';
import { takeRequest } from '../requests/read-request.js';
import type { Served } from './call-context.js';
import { orAborted } from '../../core/or-aborted.js';
import { createCallSignal } from './call-signal.js';
import { toStatusObject } from './status-object.js';

/**
 * A client-streaming method: the requests come as fast as they are taken. `signal` fires when the caller cancels, goes
 * away or runs into its deadline, and when the server stops; the iteration then throws its reason. A thrown error becomes
 * a status with details.
 */
export function serveClientStream<Request, Response>(
  answer: (requests: AsyncIterable<Request>, signal: AbortSignal) => Promise<Response>,
): Served<handleClientStreamingCall<Request, Response>> {
  return ({ log, stopping, encode }) =>
    async (call, callback) => {
      const { signal, release } = createCallSignal(call, stopping);
      try {
        callback(null, encode(await answer(readUntilAborted<Request>(call, signal), signal)));
      } catch (error) {
        callback(toStatusObject(encodeStatus(error, log.child({ method: call.getPath() }))));
      } finally {
        release();
      }
    };
}

async function* readUntilAborted<Request>(
  requests: AsyncIterable<Request>,
  signal: AbortSignal,
): AsyncGenerator<Request, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  for (;;) {
    const next = await orAborted(iterator.next(), signal);
    if (next.done) return;
    yield takeRequest(next.value);
  }
}
