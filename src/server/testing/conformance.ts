import { setImmediate as nextTurn } from 'node:timers/promises';

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

/** Whether a promise is settled after all pending callbacks have run. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  return settled;
}
