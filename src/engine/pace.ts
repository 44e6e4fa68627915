import { countParameters } from '../core/model/parameters.js';
import type { EvaluationSubject } from '../core/ports/evaluator.js';

/** How fast a model processes tokens on this machine, from recent runs. */
export interface Pace {
  /** undefined: no run has been seen yet. */
  tokensPerSecond(): number | undefined;
  /** Passes results through. The time that their reader waits for them is counted, with this many tokens per result. */
  watch<Result>(results: AsyncIterable<Result>, tokensEach: number): AsyncIterable<Result>;
}

/** Most recent runs that count, because the load of the machine changes. */
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

/** Reading more bytes of float32 weights takes too long for an estimate. */
const MOST_PROBED_BYTES = 2 ** 31;
const PROBED_TOKENS = 128;
/** A model that is busy is not waited for longer than this. */
const MOST_PROBE_MS = 5000;

/**
 * Runs the unpruned model on two short windows; the first loads its weights, so that whoever watches `subject` sees its
 * pace. Does nothing for large models, and gives up if the model is busy. Throws the reason of `wanted`.
 */
export async function probePace(subject: EvaluationSubject, wanted?: AbortSignal): Promise<void> {
  const { shape } = subject;
  if (4 * countParameters(shape, shape.layers) > MOST_PROBED_BYTES) return;
  const windows = [{ tokens: new Int32Array(PROBED_TOKENS), scoredFrom: 1, start: 0 }];
  const late = AbortSignal.timeout(MOST_PROBE_MS);
  const signal = wanted === undefined ? late : AbortSignal.any([late, wanted]);
  try {
    for (let run = 0; run < 2; run++) for await (const _ of subject.losses([shape.layers], windows, { signal }));
  } catch (error) {
    if (!late.aborted) throw error;
  }
}
