import { setTimeout as sleep } from 'node:timers/promises';
import { readPushback, type CallError } from './call-error.js';
import type { RetryPolicy } from './retry-policy.js';
import { throwIfAborted, type CallOptions } from './transport.js';

/** Time and chance, as an argument: tests have their own. */
export interface RetryClock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Rejects when the signal fires. */
  sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

const SYSTEM_CLOCK: RetryClock = {
  now: () => performance.now(),
  sleep: async (delayMs, signal) => void (await sleep(delayMs, undefined, signal === undefined ? {} : { signal })),
  random: () => Math.random(),
};

/** What decides about another try, besides the policy. */
export interface RetryOptions {
  readonly policy: RetryPolicy;
  /** Whether the server was heard of since the client was made. */
  readonly wasReached: () => boolean;
  readonly clock?: RetryClock;
}

/**
 * The answers of a call that may be made twice. One that failed before its first answer is made again: after UNAVAILABLE
 * when some time has passed, chosen at random below a limit that doubles ("full jitter"), and after RESOURCE_EXHAUSTED
 * if the server said when. Where the server sent `grpc-retry-pushback-ms`, that counts. Signal and deadline are those of
 * all tries together.
 *
 * @param open makes one try
 * @throws CallError of the last try; CANCELLED when the caller aborts a wait
 */
export async function* repeatCall<Answer>(
  open: (options: CallOptions) => AsyncIterable<Answer>,
  call: CallOptions,
  { policy, wasReached, clock = SYSTEM_CLOCK }: RetryOptions,
): AsyncGenerator<Answer, void, undefined> {
  const { timeoutMs, signal } = call;
  const begun = clock.now();
  const left = () => (timeoutMs === undefined ? Infinity : timeoutMs - (clock.now() - begun));
  for (let attempt = 1; ; attempt += 1) {
    let isAnswered = false;
    let delayMs: number | undefined;
    try {
      for await (const answer of open(timeoutMs === undefined ? call : { ...call, timeoutMs: left() })) {
        isAnswered = true;
        yield answer;
      }
      return;
    } catch (error) {
      if (!isAnswered && attempt < policy.maxAttempts && signal?.aborted !== true)
        delayMs = chooseDelay(error as CallError, attempt, policy, clock.random);
      const mostMs = wasReached() ? policy.giveUpAfterMs : policy.giveUpStartAfterMs;
      if (delayMs === undefined || clock.now() - begun + delayMs > mostMs || delayMs >= left()) throw error;
    }
    await clock.sleep(delayMs, signal).catch((error: unknown) => {
      throwIfAborted(signal);
      throw error;
    });
  }
}

/** Whether a server that is there takes no more work at present, and has said when to ask again. */
export function isBusy({ code, retryAfterMs }: CallError): boolean {
  return code === 'RESOURCE_EXHAUSTED' && retryAfterMs !== undefined;
}

/** Callers who were refused together, and told the same time, do not come back together: up to a tenth later. */
export function delayOfBusy({ retryAfterMs = 0 }: CallError, random: () => number): number {
  return retryAfterMs * (1 + 0.1 * random());
}

/** How long to wait after a failed try; undefined if another one is of no use, or not wanted. */
function chooseDelay(
  error: CallError,
  attempt: number,
  { firstDelayMs, maxDelayMs }: RetryPolicy,
  random: () => number,
): number | undefined {
  if (error.code !== 'UNAVAILABLE' && !isBusy(error)) return undefined;
  const pushback = readPushback(error);
  if (pushback !== undefined) return pushback === 'never' ? undefined : pushback;
  if (isBusy(error)) return delayOfBusy(error, random);
  return Math.max(random() * Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs), error.retryAfterMs ?? 0);
}
