/** Runs works, some of them at a time; the others wait in the order they came. */
export type Gate = <Result>(work: () => Promise<Result>) => Promise<Result>;

export function createGate(most: number): Gate {
  const waiting: (() => void)[] = [];
  let passing = 0;
  return async (work) => {
    if (passing < most) passing += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve)); // takes the place of the one that wakes it
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) passing -= 1;
      else next();
    }
  };
}
