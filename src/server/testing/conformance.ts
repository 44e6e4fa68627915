/** One thing that must hold of every implementation of a port. */
export interface ConformanceCheck {
  /** A sentence of behaviour, for `it`. */
  readonly name: string;
  /** Throws an AssertionError if it does not hold. */
  readonly run: () => Promise<void>;
}

/** Checks of something that each check opens anew and closes at the end. */
export function listChecks<Opened extends { close?(): Promise<void> }>(
  open: () => Promise<Opened>,
  checks: Readonly<Record<string, (opened: Opened) => Promise<void>>>,
): readonly ConformanceCheck[] {
  return Object.entries(checks).map(([name, check]) => ({
    name,
    run: async () => {
      const opened = await open();
      try {
        await check(opened);
      } finally {
        await opened.close?.();
      }
    },
  }));
}
