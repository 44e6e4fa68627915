import type { PeerCertificate } from 'node:tls';
import { fromBinary, fromJson, toBinary, toJson, type DescMethod, type JsonValue } from '@bufbuild/protobuf';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { apiRegistry } from '../requests/api-registry.js';
import { createRequestReader, takeRequest } from '../requests/read-request.js';
import { listInterceptors, type CallSettings } from './call-settings.js';
import { createAnswerEncoder } from './encode-answer.js';
import { Call, describeCancelled, type AuthContext, type CallContext } from './interceptors/call-context.js';
import { intercept, type CallEnd } from './interceptors/interceptor.js';
import { forEachResponse, type Responses } from './responses.js';
import type { RpcService } from './rpc-service.js';

/** Who calls, as far as the server knows. */
export interface ApiCaller {
  /** The address, `127.0.0.1:50312`. */
  readonly peer: string;
  /** That of the connection, verified; undefined if it has none. */
  readonly certificate?: PeerCertificate | undefined;
  /** The values of a header that the caller sent; empty if it sent none. */
  header(name: string): readonly string[];
  /** Fires when the caller has gone away. */
  readonly left: AbortSignal;
}

/** One call of the API. */
export interface ApiCall {
  /** `prunecast.v1.JobService/GetJob`. */
  readonly method: string;
  /** The request in proto JSON. */
  readonly request: JsonValue;
  readonly caller: ApiCaller;
  /** Gets each answer in proto JSON: one, or those of a stream. The next is made once this has settled. */
  send(answer: JsonValue): void | Promise<void>;
}

/** The API without gRPC: the same handlers, behind the same checks of requests and the same interceptors. */
export interface ApiCalls {
  /** Runs a call to its end; `undefined` is OK. Never rejects. */
  run(call: ApiCall): Promise<CallEnd>;
}

/** Calls of the methods that `services` has handlers for; the first of two for one service counts. */
export function createApiCalls(services: readonly RpcService[], settings: CallSettings): ApiCalls {
  const { all } = listInterceptors(settings);
  const known = new Map<string, Method>();
  const find = (name: string): Method => {
    const method = known.get(name) ?? openMethod(services, name);
    known.set(name, method);
    return method;
  };
  return {
    run: async ({ method, request, caller, send }) => {
      const context = new Call(
        { getPeer: () => caller.peer, getDeadline: () => Infinity, getAuthContext: () => readAuthContext(caller) },
        { ...settings, method, metadata: { get: (name) => [...caller.header(name)] } },
      );
      const leave = (): void => context.end(describeCancelled());
      if (caller.left.aborted) leave();
      else caller.left.addEventListener('abort', leave);
      try {
        return await intercept(all, context, () => find(method)(request, context, send));
      } finally {
        caller.left.removeEventListener('abort', leave);
      }
    },
  };
}

function readAuthContext({ certificate }: ApiCaller): AuthContext {
  return certificate === undefined ? {} : { sslPeerCertificate: certificate };
}

type Method = (request: JsonValue, context: CallContext, send: ApiCall['send']) => Promise<CallEnd>;

/** Throws NOT_IMPLEMENTED for a method that is not there, or takes a stream. */
function openMethod(services: readonly RpcService[], name: string): Method {
  const path = `/${name}`;
  const service = services.find(({ definition }) => Object.values(definition).some((shape) => shape.path === path));
  const [key, shape] = Object.entries(service?.definition ?? {}).find(([, { path: own }]) => own === path) ?? [];
  const handler = key === undefined ? undefined : service?.handlers[key];
  const described = describe(name);
  if (shape === undefined || handler === undefined || described === undefined || shape.requestStream)
    throw new PrunecastError('NOT_IMPLEMENTED', `${name} cannot be called in this way`, { metadata: { method: name } });
  const read = createRequestReader(path, shape.requestDeserialize);
  const answers = createAnswerEncoder(shape);
  const registry = apiRegistry();
  return async (request, context, send) => {
    const response = handler(takeRequest(read(encodeRequest(described, request))) as never, context);
    const sendOne = (answer: unknown): void | Promise<void> =>
      send(
        toJson(described.output, fromBinary(described.output, answers.serialize(answers.encode(answer))), { registry }),
      );
    if (shape.responseStream) return forEachResponse(response as Responses<unknown>, context, sendOne);
    await sendOne(await response);
    return undefined;
  };
}

function describe(name: string): DescMethod | undefined {
  const [service = '', method] = name.split('/');
  return apiRegistry()
    .getService(service)
    ?.methods.find((candidate) => candidate.name === method);
}

function encodeRequest({ input }: DescMethod, request: JsonValue): Buffer {
  try {
    return Buffer.from(toBinary(input, fromJson(input, request, { registry: apiRegistry() })));
  } catch (error) {
    throw new PrunecastError(
      'INVALID_REQUEST',
      `not a ${input.name}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
