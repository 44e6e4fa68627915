import { scoreFrom } from '../core/sequence.js';
import { countParameters } from '../core/model/parameters.js';
import type { EvaluationSubject } from '../core/ports/evaluator.js';

/** How fast this machine is with a model. */
export interface Speeds {
  /** Floating-point operations per second in matrix products, as the forward pass of this model has them. */
  readonly products: number;
  /** The same in factorisations. */
  readonly factors: number;
}

/**
 * Why a model's speeds are unknown: `large`, it is not run for an estimate alone, and has not run yet; `busy`, what would
 * have told them was not done in time.
 */
export type UnknownSpeeds = 'large' | 'busy';

/** How fast a model is evaluated on this machine, from recent runs. */
export interface Pace {
  /** Floating-point operations per second; undefined: no run has been seen but the first, which reads the weights. */
  productsPerSecond(): number | undefined;
  /** Passes results through. The time that their reader waits for them is counted, with what each took. */
  watch<Result>(results: AsyncIterable<Result>, productsOf: (result: Result) => number): AsyncIterable<Result>;
}

/** Most recent runs that count, because the load of the machine changes. */
const KEPT_RUNS = 8;

/** @param now milliseconds, monotonic */
export function createPace(now: () => number): Pace {
  const runs: { readonly products: number; readonly milliseconds: number }[] = [];
  let isFirst = true;
  return {
    productsPerSecond: () => {
      const milliseconds = runs.reduce((sum, run) => sum + run.milliseconds, 0);
      return milliseconds === 0
        ? undefined
        : (1000 * runs.reduce((sum, { products }) => sum + products, 0)) / milliseconds;
    },
    async *watch(results, productsOf) {
      const iterator = results[Symbol.asyncIterator]();
      let [products, milliseconds] = [0, 0];
      try {
        for (;;) {
          const from = now();
          const { done, value } = await iterator.next();
          milliseconds += now() - from;
          if (done === true) return;
          products += productsOf(value);
          yield value;
        }
      } finally {
        if (products > 0 && !isFirst) runs.push({ products, milliseconds });
        if (products > 0) isFirst = false;
        if (runs.length > KEPT_RUNS) runs.shift();
        await iterator.return?.();
      }
    },
  };
}

/** Reading more bytes of float32 weights takes too long for an estimate. */
const MOST_PROBED_BYTES = 2 ** 31;
const WINDOW_TOKENS = 128;
/**
 * Sequences of the runs: the first one reads the weights, the second sees the speed, the last fills two whole batches, so
 * that lanes share them.
 */
const PROBED_WINDOWS = [1, 2, 32] as const;
/** The last run is left out if it would take longer: of a large model the second one is long enough. */
const MOST_LAST_RUN_MS = 2000;
/** A model that is busy, or on a busy machine, is not waited for longer than this. */
const MOST_PROBE_MS = 30_000;

/** Whether a model is run for an estimate alone. */
export function isProbed({ shape }: Pick<EvaluationSubject, 'shape'>): boolean {
  return 4 * countParameters(shape, shape.layers) <= MOST_PROBED_BYTES;
}

/**
 * Runs the unpruned model on a few short sequences, so that whoever watches `subject` sees its pace. Gives up if the
 * model is busy. Throws the reason of `wanted`.
 */
export async function probePace(subject: EvaluationSubject, wanted?: AbortSignal): Promise<void> {
  const { shape } = subject;
  await unlessBusy(wanted, async (signal) => {
    let took = 0;
    for (const [run, count] of PROBED_WINDOWS.entries()) {
      if (run === 2 && (took * count) / PROBED_WINDOWS[1] > MOST_LAST_RUN_MS) return;
      const request = {
        sequences: Array.from({ length: count }, () => scoreFrom(new Int32Array(WINDOW_TOKENS))),
        prefixes: 'apart',
      } as const;
      const from = performance.now();
      for await (const _ of subject.observe([shape.layers], request, { signal }));
      took = performance.now() - from;
    }
  });
}

/** What `probe` finds; undefined: the model is busy. Throws the reason of `wanted`. */
export async function unlessBusy<Outcome>(
  wanted: AbortSignal | undefined,
  probe: (signal: AbortSignal) => Promise<Outcome>,
): Promise<Outcome | undefined> {
  const late = AbortSignal.timeout(MOST_PROBE_MS);
  try {
    return await probe(wanted === undefined ? late : AbortSignal.any([late, wanted]));
  } catch (error) {
    if (!late.aborted) throw error;
    return undefined;
  }
}
