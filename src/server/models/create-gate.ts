/** Runs up to a number of works at the same time; the others wait in the order they came. */
export type Gate = <Result>(work: () => Promise<Result>) => Promise<Result>;

export function createGate(most: number): Gate {
  const waiting: (() => void)[] = [];
  let passing = 0;
  return async (work) => {
    if (passing < most) passing += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve)); // takes over the place of the work that wakes it
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) passing -= 1;
      else next();
    }
  };
}
