import { once } from 'node:events';
import { Client, connectivityState, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { CallError } from './call-error.js';
import { ConnectionFault, explainConnection } from './connection-fault.js';
import type { RetryPolicy } from './retry-policy.js';
import { readHeaders, readToken, secureChannel, type TransportOptions } from './secure-channel.js';

/** The most bytes that one message may have, either way; GetServerInfo tells the server's own limit. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** What every call takes. */
export interface CallOptions {
  /** Ends the call, never a job that it started or watches. */
  readonly signal?: AbortSignal;
  /** Milliseconds until the whole call must have ended, else DEADLINE_EXCEEDED. Default: no limit. */
  readonly timeoutMs?: number;
  /** When a call that failed is made again, over what the client was given; `false` for never. */
  readonly retry?: Partial<RetryPolicy> | false;
}

/** Messages as bytes: every kind of call exchanges some number of requests for some number of answers. */
export interface Transport {
  /**
   * Sends the requests to a method (`/prunecast.v1.JobService/GetJob`) and yields its answers. Leaving the loop early
   * cancels the call. Throws CallError.
   */
  exchange(
    path: string,
    requests: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options?: CallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined>;
  /**
   * Waits until the server takes the connection; calls connect by themselves, and then wait or try again as they were
   * told. Throws CallError UNAVAILABLE as soon as nobody takes it, or nobody answers for 20 s or as long as is given.
   */
  connect(options?: Pick<CallOptions, 'signal' | 'timeoutMs'>): Promise<void>;
  /** Whether the server was heard of: it took the connection, or answered a call. */
  wasReached(): boolean;
  /** Ends the connection; calls that still run fail with CANCELLED. */
  close(): void;
}

const CONNECT_MS = 20_000;

/** Answered by every server, and without a token. */
const HEALTH = '/grpc.health.v1.Health/Check';

/**
 * One channel for all services. Connects with the first call. Throws CallError INVALID_ARGUMENT for what is no address,
 * or no safe one for a token.
 */
export function createTransport(options: TransportOptions): Transport {
  const { address } = options;
  const { credentials, channelOptions } = secureChannel(options);
  const client = new Client(address, credentials, {
    ...channelOptions,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    // A local server is back in a second; the default of grpc-js doubles to two minutes.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5_000,
  });
  let isReached = false;
  const exchange: Transport['exchange'] = async function* (path, requests, { signal, timeoutMs } = {}) {
    throwIfAborted(signal);
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(readHeaders(options))) metadata.set(name, value);
    const deadline = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const token = await readToken(options);
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    throwIfAborted(signal);
    const call = client.makeBidiStreamRequest<Uint8Array, Uint8Array>(
      path,
      toBuffer,
      (bytes) => bytes,
      metadata,
      deadline,
    );
    // A call that is cancelled after its reader left still reports its end.
    call.on('error', () => undefined);
    call.once('metadata', () => (isReached = true));
    const abort = () => call.cancel();
    signal?.addEventListener('abort', abort, { once: true });
    const left = new AbortController();
    let sendFailure: unknown;
    const sending = send(call, requests, left.signal).catch((error: unknown) => {
      if (left.signal.aborted) return;
      sendFailure = error;
      call.cancel();
    });
    try {
      yield* call as AsyncIterable<Uint8Array>;
      if (sendFailure !== undefined) throw sendFailure;
    } catch (error) {
      throwIfAborted(signal);
      const failure = explainConnection(CallError.from(sendFailure ?? error), options);
      if (failure.reason !== '') isReached = true;
      throw failure;
    } finally {
      left.abort();
      signal?.removeEventListener('abort', abort);
      call.cancel();
      await sending;
    }
  };
  /** Ends well if the server does take a call after all. */
  async function requireConnection(call: CallOptions): Promise<void> {
    try {
      for await (const _ of exchange(HEALTH, [new Uint8Array()], call)) return;
    } catch (error) {
      if (error instanceof ConnectionFault) throw error;
      throw new CallError(`no server answers at ${address}`, { code: 'UNAVAILABLE', cause: error });
    }
  }
  return {
    close: () => client.close(),
    wasReached: () => isReached,
    async connect({ signal, timeoutMs = CONNECT_MS } = {}) {
      const channel = client.getChannel();
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        throwIfAborted(signal);
        const state = channel.getConnectivityState(true);
        if (state === connectivityState.READY) {
          isReached = true;
          return;
        }
        if (
          state === connectivityState.TRANSIENT_FAILURE ||
          state === connectivityState.SHUTDOWN ||
          Date.now() > deadline
        )
          // The state does not tell why; a call does.
          return requireConnection({ timeoutMs: Math.max(deadline - Date.now(), 1), ...(signal && { signal }) });
        await new Promise<void>((resolve) => {
          const changed = (): void => {
            signal?.removeEventListener('abort', changed);
            resolve();
          };
          signal?.addEventListener('abort', changed);
          channel.watchConnectivityState(state, deadline, changed);
        });
      }
    },
    exchange,
  };
}

/** Throws what a call throws whose caller aborted it. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new CallError('the caller ended the call', { code: 'CANCELLED', cause: signal.reason });
}

async function send(
  call: ClientDuplexStream<Uint8Array, Uint8Array>,
  requests: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  left: AbortSignal,
): Promise<void> {
  for await (const request of requests) {
    if (left.aborted) return;
    if (!call.write(request)) await once(call, 'drain', { signal: left });
  }
  call.end();
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
