import type { DeepPartial } from '../gen/prunecast/v1/common.js';
import { CallError } from './call-error.js';
import { DEFAULT_RETRY, type RetryPolicy } from './retry-policy.js';
import { repeatCall } from './retry.js';
import type { CallOptions, Transport } from './transport.js';

/** A method as ts-proto describes it, made to take partial requests. */
export interface Method<Request, Response, Requests extends boolean, Responses extends boolean> {
  readonly path: string;
  readonly requestStream: Requests;
  readonly responseStream: Responses;
  readonly encode: (request: Request) => Uint8Array;
  readonly decode: (bytes: Buffer) => Response;
  /** Whether a call with this request does no more when it is made twice. */
  readonly isRepeatable: (request: Request) => boolean;
}

/**
 * A service's methods as functions. Requests are partial, absent fields take the proto's zero. A unary method gives a
 * promise, a stream of answers is read by `for await`; a stream of requests is given as an iterable. All throw
 * CallError.
 */
export type Service<Methods> = {
  readonly [Name in keyof Methods]: Methods[Name] extends Method<
    infer Request,
    infer Response,
    infer Requests,
    infer Responses
  >
    ? (
        request: Requests extends true ? Stream<Request> : Request,
        options?: CallOptions,
      ) => Responses extends true ? AsyncGenerator<Response, void, undefined> : Promise<Response>
    : never;
};

type Stream<Message> = Iterable<Message> | AsyncIterable<Message>;

interface Definition<Request, Response, Requests extends boolean, Responses extends boolean> {
  readonly path: string;
  readonly requestStream: Requests;
  readonly responseStream: Responses;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** Joins a generated method definition with the type of its request, and with what may be made twice. */
export function defineMethod<Request, Response, Requests extends boolean, Responses extends boolean>(
  definition: Definition<Request, Response, Requests, Responses>,
  request: { fromPartial(partial: DeepPartial<Request>): Request },
  isRepeatable: (request: DeepPartial<Request>) => boolean,
): Method<DeepPartial<Request>, Response, Requests, Responses> {
  return {
    path: definition.path,
    requestStream: definition.requestStream,
    responseStream: definition.responseStream,
    encode: (partial) => definition.requestSerialize(request.fromPartial(partial)),
    decode: definition.responseDeserialize,
    isRepeatable,
  };
}

/** The functions of a table of methods, which repeat failed calls as far as that is safe. */
export function createService<Methods extends Readonly<Record<string, AnyMethod>>>(
  transport: Transport,
  methods: Methods,
  retry: Partial<RetryPolicy> | false = {},
): Service<Methods> {
  const functions = Object.entries(methods).map(([name, method]) => [
    name,
    (request: unknown, options: CallOptions = {}) => {
      const requests = method.requestStream ? (request as Stream<unknown>) : [request];
      const open = (call: CallOptions) => stream(transport, method, requests, call);
      const { wasReached } = transport;
      const responses =
        retry === false || options.retry === false || method.requestStream || !method.isRepeatable(request as never)
          ? open(options)
          : repeatCall(open, options, { policy: { ...DEFAULT_RETRY, ...retry, ...options.retry }, wasReached });
      return method.responseStream ? responses : takeOnly(responses, method.path);
    },
  ]);
  // The mapped type says, method by method, what the loop above does for all.
  return Object.fromEntries(functions) as Service<Methods>;
}

// `encode` takes each method's own request: only `never` is common to all.
type AnyMethod = Method<never, unknown, boolean, boolean>;

async function* stream(
  transport: Transport,
  method: AnyMethod,
  requests: Stream<unknown>,
  options: CallOptions,
): AsyncGenerator<unknown, void, undefined> {
  for await (const bytes of transport.exchange(method.path, encodeAll(method, requests), options))
    yield method.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

async function* encodeAll(method: AnyMethod, requests: Stream<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const request of requests) yield encode(method, request);
}

/**
 * A number that is too large for its field never gets to the server, whose bounds are narrower: it is refused here in
 * the same way.
 */
function encode({ path, encode: serialize }: AnyMethod, request: unknown): Uint8Array {
  try {
    return serialize(request as never);
  } catch (cause) {
    throw new CallError(
      `a field of the request of ${path.slice(1)} cannot hold its value: ${cause instanceof Error ? cause.message : String(cause)}`,
      { code: 'INVALID_ARGUMENT', cause },
    );
  }
}

async function takeOnly(responses: AsyncGenerator<unknown, void, undefined>, path: string): Promise<unknown> {
  const answers: unknown[] = [];
  for await (const response of responses) answers.push(response);
  if (answers.length !== 1)
    throw new CallError(`${path} sent ${answers.length} answers instead of one`, { code: 'INTERNAL' });
  return answers[0];
}
