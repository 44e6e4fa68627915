import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Status } from '../../gen/google/rpc/status.js';
import { encodeStatus } from '../errors/encode-status.js';
import { takeRequest } from '../requests/read-request.js';
import type { MethodContext, Served } from './call-context.js';
import { orAborted } from '../../core/or-aborted.js';
import { createCallSignal } from './call-signal.js';
import { sendMessage } from './send-message.js';
import { toStatusObject } from './status-object.js';

/** The messages of a stream; it may return a status that the stream is to end with in place of OK. */
export type Responses<Response> = AsyncGenerator<Response, Status | undefined | void, undefined>;

/**
 * A server-streaming method. `signal` fires when the caller cancels, goes away or runs into its deadline, and when the
 * server stops: the call then ends at once, whatever the generator does. A slow caller holds the generator back. A thrown
 * error becomes a status with details.
 */
export function serveStream<Request, Response>(
  respond: (request: Request, signal: AbortSignal) => Responses<Response>,
): Served<handleServerStreamingCall<Request, Response>> {
  return (context) => (call) => void pump(call, context, respond);
}

async function pump<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  { log, stopping, encode }: MethodContext,
  respond: (request: Request, signal: AbortSignal) => Responses<Response>,
): Promise<void> {
  const callSignal = createCallSignal(call, stopping);
  const { signal, release } = callSignal;
  const methodLog = log.child({ method: call.getPath() });
  let responses: Responses<Response> | undefined;
  try {
    responses = respond(takeRequest(call.request), signal);
    for (;;) {
      const next = await orAborted(responses.next(), signal);
      if (next.done) {
        if (next.value) call.emit('error', toStatusObject(next.value));
        else call.end();
        return;
      }
      await sendMessage(call, encode(next.value), callSignal);
    }
  } catch (error) {
    call.emit('error', toStatusObject(encodeStatus(error, methodLog)));
  } finally {
    release();
    responses
      ?.return(undefined)
      .catch((error: unknown) => methodLog.error({ err: error }, 'a stream did not end cleanly'));
  }
}
