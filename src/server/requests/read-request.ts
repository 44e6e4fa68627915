import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { apiRegistry } from './api-registry.js';
import { checkMessage } from './check-message.js';
import { messageRule, type MessageRule } from './message-rules.js';

/** Reads a request from the wire; if it is malformed or out of bounds, returns the error to answer with. */
export type RequestReader<Request> = (bytes: Buffer) => Request | PrunecastError;

/**
 * The reader of one method's requests. It never throws: gRPC would answer INTERNAL, without details.
 *
 * @param path the method's path: `/prunecast.v1.JobService/GetJob`
 * @param decode the generated decoder
 */
export function createRequestReader<Request>(path: string, decode: (bytes: Buffer) => Request): RequestReader<Request> {
  const method = path.slice(1);
  // Found by the first request, so that a server listens before it has read the descriptors.
  let input: { readonly rule: MessageRule | undefined } | undefined;
  return (bytes) => {
    input ??= { rule: findInput(path) };
    const fault = input.rule === undefined ? undefined : checkMessage(input.rule, bytes);
    if (fault !== undefined) return describeFault(method, fault);
    try {
      return decode(bytes);
    } catch (cause) {
      return describeFault(method, { path: '', description: 'does not parse', reason: 'MESSAGE_MALFORMED' }, cause);
    }
  };
}

/**
 * The request in a message from a reader. If the reader returned an error, throws it: MESSAGE_MALFORMED,
 * INVALID_REQUEST and the other reasons of bounds.
 */
export function takeRequest<Request>(read: Request): Request {
  if (read instanceof PrunecastError) throw read;
  return read;
}

/** v1alpha of reflection has the messages of v1, and is in none of our protos. */
function findInput(path: string) {
  const [service = '', method] = path.replace('.v1alpha.', '.v1.').slice(1).split('/');
  const found = apiRegistry()
    .getService(service)
    ?.methods.find(({ name }) => name === method);
  return found === undefined ? undefined : messageRule(found.input);
}

function describeFault(
  method: string,
  { path, description, reason }: NonNullable<ReturnType<typeof checkMessage>>,
  cause?: unknown,
): PrunecastError {
  if (reason !== 'MESSAGE_MALFORMED') return PrunecastError.ofField(path, description, reason);
  const message = `the request of ${method} is malformed: ${path === '' ? description : `${path}: ${description}`}; check that the client was generated from this server's protos`;
  return new PrunecastError(reason, message, {
    metadata: { method },
    violations: path === '' ? [] : [{ field: path, description }],
    cause,
  });
}
