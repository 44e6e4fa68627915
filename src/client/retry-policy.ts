/** When a call that failed is made again. */
export interface RetryPolicy {
  /** Tries of one call, the first included. Default 8; 1 repeats nothing. */
  readonly maxAttempts: number;
  /** The most that the first wait takes. Default 100; that of each further one is twice as long. */
  readonly firstDelayMs: number;
  /** The most that any wait takes. Default 5,000. */
  readonly maxDelayMs: number;
  /** The most that all tries and waits take: a wait that would end later is not begun. Default 30,000. */
  readonly giveUpAfterMs: number;
  /** The same if nothing was ever heard of the server, when a wrong address is likelier than a restart. Default 2,000. */
  readonly giveUpStartAfterMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: 8,
  firstDelayMs: 100,
  maxDelayMs: 5_000,
  giveUpAfterMs: 30_000,
  giveUpStartAfterMs: 2_000,
};
