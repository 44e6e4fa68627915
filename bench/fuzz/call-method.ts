import { Metadata, status, type Client, type ServiceError } from '@grpc/grpc-js';
import type { ApiMethod } from './list-methods.js';

/** How a call ended, seen from outside. */
export interface CallOutcome {
  readonly code: number;
  readonly message: string;
  /** `google.rpc.Status`, encoded; undefined if the server sent none. */
  readonly details: Uint8Array | undefined;
  readonly answers: readonly Uint8Array[];
  /** From the call to its end, in milliseconds. */
  readonly tookMs: number;
  /** The server had not answered long after its deadline. */
  readonly isLate: boolean;
}

/** How long after the deadline an answer may come, not counting what the machine kept from both sides. */
export const LATENESS_MS = 2000;

/** The most time that is granted for a processor that others use. */
const MOST_WAITED_MS = 10_000;

/** A caller whose timer is so late was held. */
const HELD_MS = 100;

/** The most answers of a stream that are kept; further ones are not even counted. */
const MOST_ANSWERS = 2000;

const raw = (bytes: Buffer): Buffer => bytes;

/**
 * Sends encoded requests and reads until the end. Only the server gets the deadline: a client with a deadline ends the
 * call itself, and would not see that a server is late. LATENESS_MS after the deadline the caller leaves.
 *
 * @param readWaitedMs for how long both sides have waited for a processor so far: on a shared machine that is no fault
 * of the server
 */
export function callMethod(
  client: Client,
  { path, kind }: ApiMethod,
  requests: readonly Uint8Array[],
  { deadlineMs, readWaitedMs }: { readonly deadlineMs: number; readonly readWaitedMs: () => number },
): Promise<CallOutcome> {
  const begin = performance.now();
  const waitedBefore = readWaitedMs();
  const metadata = new Metadata();
  metadata.set('grpc-timeout', `${deadlineMs}m`);
  const [first = new Uint8Array()] = requests;
  return new Promise((resolve) => {
    const answers: Uint8Array[] = [];
    let isLate = false;
    const end = (error: Pick<ServiceError, 'code' | 'details' | 'metadata'> | null): void => {
      clearTimeout(timer);
      const [details] = error?.metadata?.get('grpc-status-details-bin') ?? [];
      resolve({
        code: error?.code ?? status.OK,
        message: error?.details ?? '',
        details: details instanceof Buffer ? details : undefined,
        answers,
        tookMs: performance.now() - begin,
        isLate,
      });
    };
    const finish = (error: ServiceError | null, answer?: Buffer): void => {
      if (answer !== undefined) answers.push(answer);
      end(error);
    };
    const call = start();
    const leave = (): void => {
      const tookMs = performance.now() - begin;
      const waitedMs = Math.min(readWaitedMs() - waitedBefore, MOST_WAITED_MS);
      // A caller that was held itself, as by drawing a long request, has yet to read what came meanwhile.
      const left = Math.max(deadlineMs + LATENESS_MS + waitedMs - tookMs, tookMs > dueMs + HELD_MS ? HELD_MS : 0);
      if (left < 1) {
        isLate = true;
        call.cancel();
        return;
      }
      dueMs = tookMs + left;
      timer = setTimeout(leave, left);
    };
    let dueMs = deadlineMs + LATENESS_MS;
    let timer = setTimeout(leave, deadlineMs + LATENESS_MS);

    function start(): { cancel(): void } {
      if (kind === 'unary') return client.makeUnaryRequest(path, raw, raw, Buffer.from(first), metadata, finish);
      if (kind === 'client_streaming') {
        const stream = client.makeClientStreamRequest(path, raw, raw, metadata, finish);
        for (const request of requests) stream.write(Buffer.from(request));
        stream.end();
        return stream;
      }
      const stream = client.makeServerStreamRequest(path, raw, raw, Buffer.from(first), metadata);
      let failure: ServiceError | null = null;
      stream.on('data', (answer: Buffer) => {
        if (answers.length < MOST_ANSWERS) answers.push(answer);
      });
      stream.on('error', (error: ServiceError) => {
        failure = error;
        end(failure);
      });
      stream.on('end', () => {
        if (failure === null) end(null);
      });
      return stream;
    }
  });
}
