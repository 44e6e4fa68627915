import type { Writable } from 'node:stream';
import { orAborted } from '../../core/or-aborted.js';
import type { CallContext } from './interceptors/call-context.js';
import { endIfExpired } from './interceptors/deadline.js';

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
