import { PrunecastError } from '../../core/errors/prunecast-error.js';

/**
 * One memory budget for all models of a process. A model that computes is granted a part of it; an idle model counts
 * with what its thread still holds. If a call needs more than is free, unused threads are ended, the least recently
 * used first; if that is not enough, the call waits for calls of other models. An ended thread is started again by the
 * model's next call and reads again what it needs.
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
  /** More than this hardly makes its calls faster. */
  readonly wishedBytes: number;
  /** Whether its thread works on a call. */
  isBusy(): boolean;
  /** What its thread holds between calls, itself included; 0 if it has no thread. */
  heldBytes(): number;
  /** Ends its thread, which must be idle. */
  rest(): Promise<void>;
  close(): Promise<void>;
}

export interface PoolPlace {
  /**
   * Waits until there is memory for a call.
   *
   * @param leastBytes the least that it needs; 0 if that is not known
   * @returns bytes that the model may use until all of its calls are over. `leave` must follow.
   * @throws PrunecastError SERVER_STOPPING, or the signal's reason
   */
  enter(leastBytes: number, signal: AbortSignal): Promise<number>;
  /** A call is over for its caller. */
  leave(): void;
  /** The thread has answered its last call, or has ended. */
  settle(): void;
  /** Keeps the thread without calls until the returned function is called; it is still ended if memory is needed. */
  hold(): () => void;
  /** Whether anyone calls or holds it. */
  isUsed(): boolean;
  /** From now on, the thread is ended as soon as nobody calls or holds it. */
  retire(): void;
}

export interface MemoryPoolOptions {
  readonly budgetBytes: number;
  /** Models that are meant to compute at the same time: the first takes no more than its share. 1 by default. */
  readonly sharers?: number;
  /** The part of the free memory that a call leaves for calls that come later; 0 by default. */
  readonly reserve?: number;
  /** Most models whose threads are kept between calls; no limit by default. */
  readonly mostThreads?: number;
  /** A thread without calls for this time is ended; never by default. */
  readonly idleMs?: number;
}

interface Member {
  readonly model: PooledModel;
  /** Calls that wait for their answers. */
  callers: number;
  /** 0 if it does not compute. */
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
  /** Models with a thread, the least recently used first. */
  const members = new Set<Member>();
  const closing = new AbortController();
  /** Called whenever a call or a hold is over. */
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
  /** Ends idle threads until there is room; ends held ones only if `held` says so. */
  const makeRoom = async (asking: Member, hasRoom: () => boolean, held: 'stay' | 'go'): Promise<void> => {
    for (const member of members) {
      if (hasRoom()) return;
      if (member !== asking && isIdle(member) && (held === 'go' || member.holders === 0)) await end(member);
    }
  };

  /** undefined: not enough memory, whatever is ended. */
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
        members.add(member); // now the most recently used
        return grantedBytes;
      }
      if (!signal.aborted) await rejectOnAbort(woken, signal);
    }
  };

  /** What to do for a model when a call or a hold of it is over. */
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
            // If a call was admitted after its caller had given up, it leaves at once.
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

/** The value, or the reason of a signal that fires before the value is there. */
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
