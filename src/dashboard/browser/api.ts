import { EventSourceParserStream } from 'eventsource-parser/stream';

/** An error that the server answered with. */
export class ApiError extends Error {
  /** One of the reasons of docs/errors.md; empty if the answer was not the server's own. */
  readonly reason: string;
  readonly code: string;
  readonly metadata: Readonly<Record<string, string>>;

  constructor({
    message = 'The server does not answer. The page tries again.',
    reason = '',
    code = '',
    metadata = {},
  }: Partial<ErrorFields>) {
    super(message);
    this.name = 'ApiError';
    this.reason = reason;
    this.code = code;
    this.metadata = metadata;
  }
}

interface ErrorFields {
  readonly message: string;
  readonly reason: string;
  readonly code: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The dashboard's calls. */
export interface Api {
  /** Whether calls say who makes them, which a link cannot. */
  isIdentified(): boolean;
  /** Throws ApiError. */
  get<Answer>(path: string, query?: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Answer>;
  /** Throws ApiError. */
  post<Answer>(path: string): Promise<Answer>;
  /** A document as text. Throws ApiError. */
  text(path: string): Promise<string>;
  /** The events of a stream after one with this id. Throws ApiError. */
  events<Event>(path: string, after: string, signal: AbortSignal): AsyncGenerator<Event, void, undefined>;
}

/**
 * @param authorization the value of the header of this name; undefined for none
 * @param refused called when the server wants to know who calls
 */
export function createApi(authorization: () => string | undefined, refused: () => void): Api {
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    const value = authorization();
    if (value !== undefined) headers.set('authorization', value);
    const response = await orUnreached(fetch(path, { ...init, headers }), init.signal);
    if (response.ok) return response;
    const error = await readError(response);
    if (error.code === 'UNAUTHENTICATED') refused();
    throw error;
  };
  return {
    isIdentified: () => authorization() !== undefined,
    get: async (path, query = {}, signal) => {
      const text = new URLSearchParams(query).toString();
      const response = await ask(text === '' ? path : `${path}?${text}`, signal === undefined ? {} : { signal });
      return response.json();
    },
    post: async (path) => {
      const response = await ask(path, { method: 'POST', headers: { 'x-prunecast-request': 'dashboard' } });
      return response.json();
    },
    text: async (path) => (await ask(path)).text(),
    events: async function* (path, after, signal) {
      const response = await ask(path, { signal, headers: after === '0' ? {} : { 'last-event-id': after } });
      const messages = response.body?.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
      const reader = messages?.getReader();
      try {
        const read = async () => (reader === undefined ? undefined : orUnreached(reader.read(), signal));
        for (let next = await read(); next?.done === false; next = await read()) {
          const value: unknown = JSON.parse(next.value.data);
          if (next.value.event === 'error') throw new ApiError((value as { error: ErrorFields }).error);
          yield value as never;
        }
      } finally {
        await reader?.cancel().catch(() => undefined);
      }
    },
  };
}

/** What fails on the way to the server is an ApiError without a reason, unless the page itself gave up. */
async function orUnreached<Value>(attempt: Promise<Value>, signal: AbortSignal | null | undefined): Promise<Value> {
  try {
    return await attempt;
  } catch (error) {
    throw signal?.aborted === true ? error : new ApiError({});
  }
}

async function readError(response: Response): Promise<ApiError> {
  try {
    return new ApiError(((await response.json()) as { error: ErrorFields }).error);
  } catch {
    return new ApiError({ message: `the server answered with HTTP status ${response.status}` });
  }
}
