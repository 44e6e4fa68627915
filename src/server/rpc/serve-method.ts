import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type {
  MethodDefinition,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  sendUnaryData,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import { orAborted } from '../../core/or-aborted.js';
import { takeRequest } from '../requests/read-request.js';
import type { CallContext } from './interceptors/call-context.js';
import type { CallRunner } from './call-runner.js';
import type { EncodeAnswer } from './encode-answer.js';
import { forEachResponse, type Responses } from './responses.js';
import { toStatusObject, toTrailers } from './status-object.js';
import { endIfExpired } from './interceptors/deadline.js';

/**
 * What a method of the generated definition needs as its handler. A handler that takes a stream gets its requests as
 * fast as it takes them. One that gives a stream is held back by a slow caller, and is ended when the signal of the
 * call fires, whatever it is doing; one that gives a single answer has to watch the signal itself.
 */
export type HandlerOf<Method> = Method extends {
  readonly requestStream: infer RequestStream;
  readonly responseStream: infer ResponseStream;
  readonly requestDeserialize: (bytes: Buffer) => infer Request;
  readonly responseSerialize: (value: infer Response) => Buffer;
}
  ? (
      request: RequestStream extends true ? AsyncIterable<Request> : Request,
      context: CallContext,
    ) => ResponseStream extends true ? Responses<Response> : Promise<Response> | Response
  : never;

/** A call with its one request, or with a stream of them. */
type IncomingCall = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>;

/** A handler of any method. */
export type AnyHandler = (request: never, context: CallContext) => unknown;

/** The handler of any of the four kinds of method as grpc-js takes it. */
export function serveMethod(
  { responseStream }: Pick<MethodDefinition<unknown, unknown>, 'responseStream'>,
  handler: AnyHandler,
  calls: CallRunner,
  encode: EncodeAnswer,
): UntypedHandleCall {
  const handle = (call: IncomingCall, context: CallContext): unknown =>
    handler(('request' in call ? takeRequest(call.request) : readRequests(call, context.signal)) as never, context);
  const answer = async (call: IncomingCall, callback: sendUnaryData<unknown>): Promise<void> => {
    let response: unknown;
    const { end, callId } = await calls.run(call, async (context) => {
      response = encode(await handle(call, context));
      return undefined;
    });
    if (end === undefined) callback(null, response, toTrailers(callId));
    else callback(toStatusObject(end, callId));
  };
  const stream = async (call: IncomingCall & ServerDuplexStream<unknown, unknown>): Promise<void> => {
    const { end, callId } = await calls.run(call, (context) =>
      forEachResponse(handle(call, context) as Responses<unknown>, context, (response) =>
        sendMessage(call, encode(response), context),
      ),
    );
    if (end === undefined) call.end(toTrailers(callId));
    else call.emit('error', toStatusObject(end, callId));
  };
  return responseStream ? stream : answer;
}

async function* readRequests(
  call: ServerReadableStream<unknown, unknown>,
  signal: AbortSignal,
): AsyncGenerator<unknown, void, undefined> {
  // The default iterator destroys the call, answers and all, when the requests end.
  const requests: AsyncIterator<unknown> = call.iterator({ destroyOnReturn: false });
  for (;;) {
    const next = await orAborted(requests.next(), signal);
    if (next.done) {
      // A stream that its caller has reset ends a moment before it counts as cancelled: half of it is no request.
      await setImmediate();
      signal.throwIfAborted();
      return;
    }
    yield takeRequest(next.value);
  }
}

/**
 * Writes a message of a stream and waits until the connection has taken it. Throws the signal's reason when the call is
 * over.
 *
 * Nothing may wait in grpc-js's own buffer: if it ends the call at the deadline and then writes what is left, the
 * status is lost and the caller waits for ever. And a caller that does not read holds the next message back.
 */
export function sendMessage(call: Writable, message: unknown, context: CallContext): Promise<void> {
  endIfExpired(context);
  context.signal.throwIfAborted();
  return orAborted(new Promise((resolve) => call.write(message, () => resolve())), context.signal);
}
