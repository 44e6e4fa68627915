/** Turns for work that is no job, granted one after the other. */
export interface Turns {
  /** How many are taken now. */
  readonly taken: number;
  /** How many wait. */
  readonly waiting: number;
  /** Waits for a turn; resolves when it is granted. Throws the signal's reason: it is not taken then. */
  wait(signal: AbortSignal): Promise<void>;
  /** Grants turns to those who wait longest, `free` at most; returns how many. */
  grant(free: number): number;
  /** Gives a turn back. */
  end(): void;
}

export function createTurns(): Turns {
  let taken = 0;
  let waiting: readonly (() => void)[] = [];
  return {
    get taken() {
      return taken;
    },
    get waiting() {
      return waiting.length;
    },
    wait: (signal) =>
      new Promise((resolve, reject) => {
        const onAbort = (): void => {
          waiting = waiting.filter((other) => other !== take);
          reject(signal.reason);
        };
        const take = (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
        if (signal.aborted) return reject(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
        waiting = [...waiting, take];
      }),
    grant: (free) => {
      const next = waiting.slice(0, Math.max(0, free));
      waiting = waiting.slice(next.length);
      taken += next.length;
      for (const take of next) take();
      return next.length;
    },
    end: () => {
      taken -= 1;
    },
  };
}
