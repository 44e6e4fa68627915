import type { MethodDefinition, Server, ServiceDefinition } from '@grpc/grpc-js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { createRequestReader } from '../requests/read-request.js';
import type { CallRunner } from './call-runner.js';
import { createAnswerEncoder } from './encode-answer.js';
import { serveMethod, type AnyHandler, type HandlerOf } from './serve-method.js';

/** A service of the API with the handlers that there are. */
export interface RpcService {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, AnyHandler | undefined>>;
}

/**
 * A service: its generated definition, and a handler for each method that is there. The others answer NOT_IMPLEMENTED.
 */
export function defineService<Definition extends ServiceDefinition>(
  definition: Definition,
  handlers: { readonly [Method in keyof Definition]?: HandlerOf<Definition[Method]> },
): RpcService {
  return { definition, handlers: handlers as RpcService['handlers'] };
}

/** The full name of a service: `prunecast.v1.JobService`. */
export function serviceName(definition: ServiceDefinition): string {
  return Object.values(definition)[0]?.path.split('/')[1] ?? '';
}

/**
 * Registers a service, with an answer for each of its methods and for every request: one that is malformed or out of
 * bounds reaches no handler, and an answer that is larger than a message becomes an error.
 */
export function addService(server: Server, { definition, handlers }: RpcService, calls: CallRunner): void {
  const methods = Object.entries(definition).map(([method, shape]) => ({
    method,
    shape,
    answers: createAnswerEncoder(shape),
  }));
  server.addService(
    Object.fromEntries(
      methods.map(({ method, shape, answers }) => [
        method,
        {
          ...shape,
          requestDeserialize: createRequestReader(shape.path, shape.requestDeserialize),
          responseSerialize: answers.serialize,
        },
      ]),
    ),
    Object.fromEntries(
      methods.map(({ method, shape, answers }) => [
        method,
        serveMethod(shape, handlers[method] ?? refuse(shape), calls, answers.encode),
      ]),
    ),
  );
}

function refuse({ path }: MethodDefinition<unknown, unknown>): AnyHandler {
  const method = path.slice(1);
  return () => {
    throw new PrunecastError('NOT_IMPLEMENTED', `this version of the server does not offer ${method}`, {
      metadata: { method },
    });
  };
}
