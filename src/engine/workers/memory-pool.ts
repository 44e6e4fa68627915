import { PrunecastError } from '../../core/errors/prunecast-error.js';

/**
 * One memory budget for all models of a process. A model that computes is granted a part of it; one that does not counts
 * with what its thread still holds. Where a call needs more than is free, threads that nobody uses are ended, the longest
 * unused first, and where that does not do, it waits for calls of other models. A thread that was ended is started again by
 * the model's next call, which reads again what it needs.
 */
export interface MemoryPool {
  readonly budgetBytes: number;
  /** A model's place in the pool. */
  join(model: PooledModel): PoolPlace;
  /** Ends all threads; later calls are refused. */
  close(): Promise<void>;
}

/** A model as the pool sees it. */
export interface PooledModel {
  /** More than this makes its calls hardly faster. */
  readonly wishedBytes: number;
  /** Whether its thread works on a call. */
  isBusy(): boolean;
  /** What its thread holds between calls, itself included; 0 where it has none. */
  heldBytes(): number;
  /** Ends its thread, which works on nothing. */
  rest(): Promise<void>;
  close(): Promise<void>;
}

export interface PoolPlace {
  /**
   * Waits until there is memory for a call.
   *
   * @param leastBytes what it needs at least; 0 where that is not known
   * @returns bytes that the model may take until all of its calls are over. `leave` must follow.
   * @throws PrunecastError SERVER_STOPPING, or the signal's reason
   */
  enter(leastBytes: number, signal: AbortSignal): Promise<number>;
  /** A call is over for its caller. */
  leave(): void;
  /** The thread has answered its last call, or is gone. */
  settle(): void;
  /** Keeps the thread although nobody calls, until the returned function is called; only for want of memory it is ended all the same. */
  hold(): () => void;
  /** Whether somebody calls or holds it. */
  isUsed(): boolean;
  /** From now on the thread is ended whenever nobody calls or holds it. */
  retire(): void;
}

export interface MemoryPoolOptions {
  readonly budgetBytes: number;
  /** Models that are to compute beside each other: the first takes no more than its share. 1 by default. */
  readonly sharers?: number;
  /** Part of what is free that a call leaves to those that come beside it; 0 by default. */
  readonly reserve?: number;
  /** Most threads that are kept between calls; any number by default. */
  readonly mostThreads?: number;
  /** A thread that nobody called for so long is ended; never by default. */
  readonly idleMs?: number;
}

interface Member {
  readonly model: PooledModel;
  /** Calls that wait for their answers. */
  callers: number;
  /** 0 where it does not compute. */
  grantedBytes: number;
  holders: number;
  isRetired: boolean;
  idleTimer: NodeJS.Timeout | undefined;
}

export function createMemoryPool({
  budgetBytes,
  sharers = 1,
  reserve = 0,
  mostThreads = Infinity,
  idleMs,
}: MemoryPoolOptions): MemoryPool {
  /** Those with a thread, the longest unused first. */
  const members = new Set<Member>();
  const closing = new AbortController();
  /** Woken whenever a call or a hold is over. */
  let waiting: (() => void)[] = [];
  let line: Promise<unknown> = Promise.resolve();

  const isIdle = (member: Member): boolean => member.grantedBytes === 0;
  const countFree = (asking: Member): number =>
    [...members].reduce(
      (free, member) =>
        free - (member === asking ? 0 : isIdle(member) ? member.model.heldBytes() : member.grantedBytes),
      budgetBytes,
    );

  const end = async (member: Member): Promise<void> => {
    clearTimeout(member.idleTimer);
    members.delete(member);
    await member.model.rest();
  };
  /** Ends idle threads until there is room; those that are held only where `held` says so. */
  const makeRoom = async (asking: Member, hasRoom: () => boolean, held: 'stay' | 'go'): Promise<void> => {
    for (const member of members) {
      if (hasRoom()) return;
      if (member !== asking && isIdle(member) && (held === 'go' || member.holders === 0)) await end(member);
    }
  };

  /** undefined where there is not enough, whatever is ended. */
  const grant = async (member: Member, leastBytes: number): Promise<number | undefined> => {
    const others = [...members].filter((other) => other !== member && !isIdle(other));
    const left = others.reduce((bytes, { grantedBytes }) => bytes - grantedBytes, budgetBytes);
    const share = Math.floor((left * (1 - reserve)) / Math.max(1, sharers - others.length));
    const wanted = Math.max(leastBytes, member.grantedBytes, Math.min(share, member.model.wishedBytes));
    await makeRoom(
      member,
      () => countFree(member) >= wanted && members.size <= mostThreads - (members.has(member) ? 0 : 1),
      'stay',
    );
    await makeRoom(member, () => countFree(member) >= Math.max(1, leastBytes), 'go');
    const free = countFree(member);
    if (free <= 0 || free < leastBytes) return undefined;
    return Math.min(free, Math.max(leastBytes, member.grantedBytes, share));
  };

  const admit = async (member: Member, leastBytes: number, signal: AbortSignal): Promise<number> => {
    for (;;) {
      signal.throwIfAborted();
      const woken = new Promise<void>((resolve) => waiting.push(resolve));
      const grantedBytes = await grant(member, leastBytes);
      if (grantedBytes !== undefined && !signal.aborted) {
        clearTimeout(member.idleTimer);
        member.callers += 1;
        member.grantedBytes = grantedBytes;
        members.delete(member);
        members.add(member); // used last
        return grantedBytes;
      }
      if (!signal.aborted) await rejectOnAbort(woken, signal);
    }
  };

  /** What is to be done for a model when a call or a hold of it is over. */
  const settle = (member: Member): void => {
    if (member.callers > 0 || member.model.isBusy() || !members.has(member)) return;
    member.grantedBytes = 0;
    clearTimeout(member.idleTimer);
    if (member.holders === 0) {
      const endUnused = (): void => {
        if (isIdle(member) && member.holders === 0) void end(member).then(notify);
      };
      if (member.isRetired) endUnused();
      else if (idleMs !== undefined) member.idleTimer = setTimeout(endUnused, idleMs).unref();
    }
    notify();
  };
  const notify = (): void => {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  };

  return {
    budgetBytes,
    join: (model) => {
      const member: Member = { model, callers: 0, grantedBytes: 0, holders: 0, isRetired: false, idleTimer: undefined };
      return {
        enter: async (leastBytes, given) => {
          const signal = AbortSignal.any([given, closing.signal]);
          signal.throwIfAborted();
          // It computes already, and calls of one model run one after the other.
          if (member.grantedBytes > 0 && leastBytes <= member.grantedBytes) {
            member.callers += 1;
            return member.grantedBytes;
          }
          const admitted = line.then(() => admit(member, leastBytes, signal));
          line = admitted.catch(() => undefined);
          return rejectOnAbort(admitted, signal).catch((error: unknown) => {
            // Whoever was admitted although nobody waits any more leaves at once.
            void admitted.then(
              () => leave(member),
              () => undefined,
            );
            throw error;
          });
        },
        leave: () => leave(member),
        settle: () => settle(member),
        hold: () => {
          let held = true;
          member.holders += 1;
          return () => {
            if (!held) return;
            held = false;
            member.holders -= 1;
            settle(member);
          };
        },
        isUsed: () => member.callers > 0 || member.holders > 0 || !isIdle(member),
        retire: () => {
          member.isRetired = true;
          settle(member);
        },
      };
    },
    close: async () => {
      closing.abort(new PrunecastError('SERVER_STOPPING', 'the model was closed'));
      for (const { idleTimer } of members) clearTimeout(idleTimer);
      await Promise.all(Array.from(members, ({ model }) => model.close()));
      members.clear();
    },
  };

  function leave(member: Member): void {
    member.callers -= 1;
    settle(member);
  }
}

/** The value, or the reason of a signal that fires before it is there. */
async function rejectOnAbort<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  const ending = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: ending.signal });
  });
  try {
    return await Promise.race([value, aborted]);
  } finally {
    ending.abort();
  }
}
