import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  Server,
  ServiceDefinition,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { createRequestReader } from '../requests/read-request.js';
import type { CallContext, Served } from './call-context.js';
import { createAnswerEncoder } from './encode-answer.js';
import { serveClientStream } from './serve-client-stream.js';
import { serveStream } from './serve-stream.js';
import { serveUnary } from './serve-unary.js';

/** A service of the API with the handlers that there are. */
export interface RpcService {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, Served<UntypedHandleCall> | undefined>>;
}

/** For each method of a generated service definition the grpc-js handler it needs. */
export type Handlers<Definition> = { readonly [Method in keyof Definition]?: Served<HandlerOf<Definition[Method]>> };

type HandlerOf<Method> = Method extends {
  readonly requestStream: infer RequestStream;
  readonly responseStream: infer ResponseStream;
  readonly requestDeserialize: (bytes: Buffer) => infer Request;
  readonly responseSerialize: (value: infer Response) => Buffer;
}
  ? RequestStream extends true
    ? ResponseStream extends true
      ? handleBidiStreamingCall<Request, Response>
      : handleClientStreamingCall<Request, Response>
    : ResponseStream extends true
      ? handleServerStreamingCall<Request, Response>
      : handleUnaryCall<Request, Response>
  : never;

/** A service: its generated definition, and a handler for each method that is there. The others answer NOT_IMPLEMENTED. */
export function defineService<Definition extends ServiceDefinition>(
  definition: Definition,
  handlers: Handlers<Definition>,
): RpcService {
  return { definition, handlers: handlers as RpcService['handlers'] };
}

/** The full name of a service: `prunecast.v1.JobService`. */
export function serviceName(definition: ServiceDefinition): string {
  return Object.values(definition)[0]?.path.split('/')[1] ?? '';
}

/** Registers a service, with an answer for every method of it, and for every request: one that is malformed or out of bounds reaches no handler, an answer that no message holds no caller. */
export function addService(server: Server, { definition, handlers }: RpcService, context: CallContext): void {
  const methods = Object.entries(definition).map(([method, shape]) => ({
    method,
    shape,
    answers: createAnswerEncoder(shape),
  }));
  const guarded = methods.map(
    ({ method, shape, answers }) =>
      [
        method,
        {
          ...shape,
          requestDeserialize: createRequestReader(shape.path, shape.requestDeserialize),
          responseSerialize: answers.serialize,
        },
      ] as const,
  );
  server.addService(
    Object.fromEntries(guarded),
    Object.fromEntries(
      methods.map(({ method, shape, answers: { encode } }) => [
        method,
        (handlers[method] ?? refuse(shape))({ ...context, encode }),
      ]),
    ),
  );
}

function refuse(method: MethodDefinition<unknown, unknown>): Served<UntypedHandleCall> {
  const fail = (): never => {
    throw new PrunecastError('NOT_IMPLEMENTED', `this version of the server does not offer ${method.path.slice(1)}`, {
      metadata: { method: method.path.slice(1) },
    });
  };
  if (method.requestStream) return serveClientStream(async () => fail());
  if (!method.responseStream) return serveUnary(fail);
  // oxlint-disable-next-line require-yield -- a stream that never has a message
  return serveStream(async function* () {
    fail();
  });
}
