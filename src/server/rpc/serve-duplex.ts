import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import { encodeStatus } from '../errors/encode-status.js';
import { takeRequest } from '../requests/read-request.js';
import type { Served } from './call-context.js';
import { orAborted } from '../../core/or-aborted.js';
import { createCallSignal } from './call-signal.js';
import { sendMessage } from './send-message.js';
import { toStatusObject } from './status-object.js';

/** A method with streams both ways that answers each request by itself. Ends with the caller's stream, and when the server stops. */
export function serveDuplex<Request, Response>(
  answer: (request: Request) => Response,
): Served<handleBidiStreamingCall<Request, Response>> {
  return ({ log, stopping, encode }) =>
    async (call) => {
      const callSignal = createCallSignal(call, stopping);
      const { signal, release } = callSignal;
      // The default iterator destroys the call, answers and all, when the requests end.
      const requests: AsyncIterator<Request> = call.iterator({ destroyOnReturn: false });
      try {
        for (;;) {
          const next = await orAborted(requests.next(), signal);
          if (next.done) break;
          await sendMessage(call, encode(answer(takeRequest(next.value))), callSignal);
        }
        call.end();
      } catch (error) {
        call.emit('error', toStatusObject(encodeStatus(error, log.child({ method: call.getPath() }))));
      } finally {
        release();
      }
    };
}
