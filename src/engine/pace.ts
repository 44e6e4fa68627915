import { countParameters } from '../core/model/parameters.js';
import type { EvaluationSubject } from '../core/ports/evaluator.js';

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

/** Float32 weights of more bytes take too long to be read for a guess. */
const MOST_PROBED_BYTES = 2 ** 31;
const PROBED_TOKENS = 128;
/** A model that is at other work is not waited for. */
const MOST_PROBE_MS = 5000;

/**
 * Runs the unpruned model on two short windows, the first of which brings its weights into memory, so that whoever watches
 * `subject` sees its pace. Does nothing for large models, and gives up where the model is at other work. Throws the reason of
 * `wanted`.
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
