import { setTimeout as pause } from 'node:timers/promises';

/** Places for calls of one process, over all threads of the server. */
export interface CallSlots {
  /** Waits for a place. Returns what gives it back. Throws the signal's reason. */
  take(signal?: AbortSignal): Promise<() => void>;
}

/**
 * A place is a time in shared memory until which it is taken; whoever has it moves the time on. So the place of a thread
 * that was ended in a call is free again after `LEASE_MS`.
 */
const LEASE_MS = 3000;
const RENEW_MS = 1000;
const BETWEEN_LOOKS_MS = 3;

/** Shared memory for this many calls at once; undefined for any number. */
export function allotSlots(calls: number): SharedArrayBuffer | undefined {
  return calls === 0 ? undefined : new SharedArrayBuffer(calls * BigInt64Array.BYTES_PER_ELEMENT);
}

/** This thread's view of the places. */
export function createCallSlots(memory: SharedArrayBuffer | undefined): CallSlots {
  if (memory === undefined) return { take: () => Promise.resolve(() => undefined) };
  const until = new BigInt64Array(memory);
  return {
    take: async (signal) => {
      for (;;) {
        signal?.throwIfAborted();
        const free = findFree(until);
        if (free !== undefined) return hold(until, free);
        await pause(BETWEEN_LOOKS_MS);
      }
    },
  };
}

interface Held {
  readonly index: number;
  readonly until: bigint;
}

function findFree(until: BigInt64Array<SharedArrayBuffer>): Held | undefined {
  const now = Date.now();
  for (let index = 0; index < until.length; index++) {
    const known = Atomics.load(until, index);
    const mine = BigInt(now + LEASE_MS);
    if (known < now && Atomics.compareExchange(until, index, known, mine) === known) return { index, until: mine };
  }
  return undefined;
}

function hold(until: BigInt64Array<SharedArrayBuffer>, { index, until: first }: Held): () => void {
  let mine = first;
  const renewal = setInterval(() => {
    const next = BigInt(Date.now() + LEASE_MS);
    // Another call has it if this thread was busy for longer than a lease.
    if (Atomics.compareExchange(until, index, mine, next) === mine) mine = next;
    else clearInterval(renewal);
  }, RENEW_MS).unref();
  let isHeld = true;
  return () => {
    clearInterval(renewal);
    // A place that was given back may be taken again in the same millisecond, until the same time.
    if (isHeld) Atomics.compareExchange(until, index, mine, 0n);
    isHeld = false;
  };
}
