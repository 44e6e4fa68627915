/** How fast a model goes through tokens on this machine, by what was seen of it lately. */
export interface Pace {
  /** undefined as long as nothing was seen. */
  tokensPerSecond(): number | undefined;
  /** Passes results on; the time that their reader waits for them counts, for so many tokens each. */
  watch<Result>(results: AsyncIterable<Result>, tokensEach: number): AsyncIterable<Result>;
}

/** The newest runs that count: what the machine does beside them changes. */
const KEPT_RUNS = 8;

/** @param now milliseconds, monotonic */
export function createPace(now: () => number): Pace {
  const runs: { readonly tokens: number; readonly milliseconds: number }[] = [];
  return {
    tokensPerSecond: () => {
      const milliseconds = runs.reduce((sum, run) => sum + run.milliseconds, 0);
      return milliseconds === 0 ? undefined : (1000 * runs.reduce((sum, { tokens }) => sum + tokens, 0)) / milliseconds;
    },
    async *watch(results, tokensEach) {
      const iterator = results[Symbol.asyncIterator]();
      let [tokens, milliseconds] = [0, 0];
      try {
        for (;;) {
          const from = now();
          const { done, value } = await iterator.next();
          milliseconds += now() - from;
          if (done === true) return;
          tokens += tokensEach;
          yield value;
        }
      } finally {
        if (tokens > 0) runs.push({ tokens, milliseconds });
        if (runs.length > KEPT_RUNS) runs.shift();
        await iterator.return?.();
      }
    },
  };
}
