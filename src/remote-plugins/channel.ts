import { once } from 'node:events';
import { Client, credentials, Metadata, type ClientDuplexStream, type MethodDefinition } from '@grpc/grpc-js';
import type { RemoteTarget } from './remote-target.js';

/** The most bytes of one message, either way: the default of gRPC in every language. */
export const MAX_MESSAGE_BYTES = 4 * 2 ** 20;

/** What a call takes. */
export interface ExchangeOptions {
  /** Milliseconds until the whole call must have ended, else DEADLINE_EXCEEDED; undefined for no limit. */
  readonly limitMs?: number;
  /** Ends the call; it then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Waits for the process to be reachable, in place of UNAVAILABLE. */
  readonly waits?: boolean;
}

/** A connection to the process of plug-ins. It connects with the first call. */
export interface Channel {
  /**
   * Sends requests to a method of any kind and yields its answers. Leaving the loop early cancels the call. Throws
   * ServiceError.
   */
  exchange<Request, Response>(
    method: MethodDefinition<Request, Response>,
    requests: Iterable<Request> | AsyncIterable<Request>,
    options: ExchangeOptions,
  ): AsyncGenerator<Response, void, undefined>;
  close(): void;
}

export function openChannel({ address, authorities }: Pick<RemoteTarget, 'address' | 'authorities'>): Channel {
  const isEncrypted = address.startsWith('grpcs://');
  const client = new Client(
    address.replace(/^grpcs?:\/\//, ''),
    isEncrypted ? credentials.createSsl(authorities === undefined ? null : Buffer.from(authorities)) : INSECURE,
    {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      // Every channel has a connection of its own: calls of one thread do not wait for those of another.
      'grpc.use_local_subchannel_pool': 1,
      // A process that is started again is back in a second; the default doubles to two minutes.
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 1000,
    },
  );
  return {
    close: () => client.close(),
    async *exchange({ path, requestSerialize, responseDeserialize }, requests, { limitMs, signal, waits = false }) {
      signal?.throwIfAborted();
      const metadata = new Metadata({ waitForReady: waits });
      const deadline = limitMs === undefined ? {} : { deadline: Date.now() + limitMs };
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, deadline);
      // A call that is cancelled after its reader left still reports its end.
      call.on('error', () => undefined);
      const abort = (): void => call.cancel();
      signal?.addEventListener('abort', abort, { once: true });
      const left = new AbortController();
      send(call, requests, left.signal).catch(() => undefined); // the reader learns why the call ended
      try {
        yield* call as AsyncIterable<never>;
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      } finally {
        left.abort();
        signal?.removeEventListener('abort', abort);
        call.cancel(); // requests that are still to come are waited for by nobody
      }
    },
  };
}

const INSECURE = credentials.createInsecure();

async function send<Request>(
  call: ClientDuplexStream<Request, unknown>,
  requests: Iterable<Request> | AsyncIterable<Request>,
  left: AbortSignal,
): Promise<void> {
  for await (const request of requests) {
    if (left.aborted) return;
    if (!call.write(request)) await once(call, 'drain', { signal: left });
  }
  call.end();
}
