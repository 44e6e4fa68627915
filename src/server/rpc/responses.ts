import { orAborted } from '../../core/or-aborted.js';
import type { Status } from '../../gen/google/rpc/status.js';
import type { CallContext } from './interceptors/call-context.js';
import type { CallEnd } from './interceptors/interceptor.js';

/** The messages of a stream; it may return a status that the stream is to end with in place of OK. */
export type Responses<Response> = AsyncGenerator<Response, Status | undefined | void, undefined>;

/**
 * Sends the messages of a stream as they come, each once the one before has been sent; how the call ends. Throws the
 * signal's reason when it fires, whatever the stream is doing.
 */
export async function forEachResponse<Response>(
  responses: Responses<Response>,
  context: CallContext,
  send: (response: Response) => void | Promise<void>,
): Promise<CallEnd> {
  try {
    for (;;) {
      const next = await orAborted(responses.next(), context.signal);
      if (next.done) return next.value ?? undefined;
      const sent = send(next.value);
      // What was handed to the connection comes before the status that the call ends with, however slowly it is taken.
      context.reached = context.offered;
      await sent;
    }
  } finally {
    responses
      .return(undefined)
      .catch((error: unknown) => context.log.error({ err: error }, 'a stream did not end cleanly'));
  }
}
