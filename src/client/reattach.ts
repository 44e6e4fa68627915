import { setTimeout as sleep } from 'node:timers/promises';
import type { CallError } from './call-error.js';
import { delayOfBusy, isBusy } from './retry.js';
import { throwIfAborted } from './transport.js';

/** When a lost stream is taken up again. */
export interface ReattachPolicy {
  /** Wait before the first new try. Default 200; each further wait is 1.6 times as long, and all vary by a fifth. */
  readonly firstDelayMs: number;
  /** The longest wait. Default 10,000. */
  readonly maxDelayMs: number;
  /** Give up when the server was lost so long ago. Default 300,000. */
  readonly giveUpAfterMs: number;
  /** The same if nothing was ever heard of it, when a wrong address is likelier than a restart. Default 2,000. */
  readonly giveUpStartAfterMs: number;
  /** Give up when the server has been too busy for so long; waits are as long as it says. Default 30,000. */
  readonly giveUpBusyAfterMs: number;
  /**
   * A stream without a message for this long counts as lost; of a job the server sends one every 15 s. Default 45,000.
   * Not on a socket of this machine, which breaks with the server: silence there is that of a busy machine.
   */
  readonly silenceMs: number;
}

export const DEFAULT_REATTACH: ReattachPolicy = {
  firstDelayMs: 200,
  maxDelayMs: 10_000,
  giveUpAfterMs: 300_000,
  giveUpStartAfterMs: 2_000,
  giveUpBusyAfterMs: 30_000,
  silenceMs: 45_000,
};

/** What a stream that is taken up again is told, and what ends that. */
export interface ReattachOptions {
  readonly reattach?: Partial<ReattachPolicy> | undefined;
  /** Told of each lost stream, and each call that a busy server refused, before the wait. */
  readonly onLost?: ((loss: { readonly error: CallError; readonly delayMs: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How long a lost server is waited for. */
export interface Patience {
  /** The server sends again. */
  heard(): void;
  /** It is there, although it sends nothing. */
  isThere(): void;
  /**
   * Waits before the next try.
   *
   * @param deadline milliseconds since 1970; Infinity for none
   * @throws what was lost, if another try is not worth it or it has been lost for too long; CallError CANCELLED if the
   * caller ends the call
   */
  waitAfter(lost: CallError, deadline?: number): Promise<void>;
}

export function createPatience({ reattach, onLost, signal }: ReattachOptions): Patience {
  const policy = { ...DEFAULT_REATTACH, ...reattach };
  let wasHeard = false;
  let lostAt: number | undefined;
  let delayMs = policy.firstDelayMs;
  return {
    heard() {
      [wasHeard, lostAt, delayMs] = [true, undefined, policy.firstDelayMs];
    },
    isThere() {
      wasHeard = true;
    },
    async waitAfter(lost, deadline = Infinity) {
      const busy = isBusy(lost);
      if (busy) wasHeard = true;
      if (signal?.aborted === true || !(busy || isWorthAnotherTry(lost))) throw lost;
      const patience = busy ? policy.giveUpBusyAfterMs : wasHeard ? policy.giveUpAfterMs : policy.giveUpStartAfterMs;
      const waitMs = busy ? delayOfBusy(lost, Math.random) : delayMs;
      lostAt ??= Date.now();
      if (Date.now() + waitMs - lostAt > patience || Date.now() + waitMs > deadline) throw lost;
      onLost?.({ error: lost, delayMs: waitMs });
      if (busy) return pause(waitMs, signal);
      await pause(delayMs * (0.8 + 0.4 * Math.random()), signal);
      delayMs = Math.min(delayMs * 1.6, policy.maxDelayMs);
    },
  };
}

// UNAVAILABLE: the server restarts, or the connection broke. The others, where no server gave a reason, are grpc-js's
// names for a stream that was reset: CANCELLED by a server that shut down by force, INTERNAL by one that broke off.
function isWorthAnotherTry({ code, reason }: CallError): boolean {
  return code === 'UNAVAILABLE' || (reason === '' && (code === 'CANCELLED' || code === 'INTERNAL'));
}

async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}
