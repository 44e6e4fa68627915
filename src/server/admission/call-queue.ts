import { requireRoom } from '../../core/errors/require-room.js';
import { createFairLine } from '../../core/fair-line.js';

/** Who asks for a call, and what keeps it. */
export interface CallAsked {
  readonly caller: string;
  /** Fires when the caller no longer waits. */
  readonly signal: AbortSignal;
  /** Of the request. It is asked only if the call has to wait. */
  readonly bytes: () => number;
}

/** Has a few calls of one kind of work run at a time; the others wait, and callers take turns. */
export interface CallQueue {
  /**
   * Does the work when its turn has come.
   *
   * @throws PrunecastError OVERLOADED if as much waits as may, the signal's reason while it waits, or what `work` throws
   */
  run<Result>(asked: CallAsked, work: () => Promise<Result>): Promise<Result>;
  /** Calls that wait. */
  readonly waiting: number;
}

/** Each limit is named as the setting that it comes from. */
export interface CallQueueLimits {
  readonly concurrentCalls: number;
  /** Calls that may wait. */
  readonly maxQueuedCalls: number;
  /** The same of one caller. */
  readonly maxQueuedCallsPerCaller: number;
  /** Of the requests of all calls that wait. */
  readonly maxQueuedBytes: number;
}

interface WaitingCall {
  readonly caller: string;
  readonly bytes: number;
  readonly grant: () => void;
}

/** When a caller may try again; calls take from a millisecond to some seconds. */
const RETRY_AFTER_MS = 1000;

/** @param work what its calls do, for people: `predict` */
export function createCallQueue(work: string, { concurrentCalls, ...limits }: CallQueueLimits): CallQueue {
  const line = createFairLine<WaitingCall>();
  let [running, waitingBytes] = [0, 0];
  const leave = (call: WaitingCall): void => {
    waitingBytes -= call.bytes;
  };
  /** Returns the bytes of the request. They are looked at last: it takes time to count them. */
  const admit = ({ caller, bytes }: CallAsked): number => {
    const own = line.countOf(caller);
    requireRoom(
      [
        {
          setting: 'maxQueuedCalls',
          amount: line.size + 1,
          waiting: `${line.size} calls wait to ${work}`,
          subject: `kind:${work}`,
        },
        {
          setting: 'maxQueuedCallsPerCaller',
          amount: own + 1,
          waiting: `${own} calls of ${caller} wait to ${work}`,
          subject: `caller:${caller}`,
        },
      ],
      limits,
      RETRY_AFTER_MS,
    );
    const size = bytes();
    requireRoom(
      [
        {
          setting: 'maxQueuedBytes',
          amount: waitingBytes + size,
          waiting: `requests of ${waitingBytes} bytes wait to ${work}, and this one has ${size}`,
          subject: `kind:${work}`,
        },
      ],
      limits,
      RETRY_AFTER_MS,
    );
    return size;
  };
  const wait = (asked: CallAsked): Promise<void> => {
    const bytes = admit(asked);
    const { caller, signal } = asked;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        line.remove(call);
        leave(call);
        reject(signal.reason as Error);
      };
      const call: WaitingCall = {
        caller,
        bytes,
        grant: () => {
          signal.removeEventListener('abort', giveUp);
          leave(call);
          resolve();
        },
      };
      waitingBytes += bytes;
      signal.addEventListener('abort', giveUp, { once: true });
      line.add(call);
    });
  };
  return {
    get waiting() {
      return line.size;
    },
    run: async (asked, run) => {
      asked.signal.throwIfAborted();
      // Whoever leaves a slot hands it on, so that a new call cannot pass those that wait.
      if (running < concurrentCalls) running += 1;
      else await wait(asked);
      try {
        return await run();
      } finally {
        const next = line.take();
        if (next === undefined) running -= 1;
        else next.grant();
      }
    },
  };
}
