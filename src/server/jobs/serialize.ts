import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * The store answers without waiting, so a long series of writes would hold the event loop: after so long others get a
 * turn.
 */
const SLICE_MS = 10;

/** Runs works one after the other, in the order they come, whether those before them failed or not. */
export function createSerializer(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let turnMs = performance.now();
  const takeTurn = async (): Promise<void> => {
    if (performance.now() - turnMs < SLICE_MS) return;
    await nextTurn();
    turnMs = performance.now();
  };
  return (work) => {
    const result = last.then(takeTurn).then(work);
    last = result.catch(() => undefined);
    return result;
  };
}
