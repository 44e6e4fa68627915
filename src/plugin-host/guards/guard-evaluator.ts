import { canonicalJson } from '../../core/canonical-json.js';
import { orAborted } from '../../core/or-aborted.js';
import { FIRST_VERSION } from '../../core/ports/plugin.js';
import type {
  EvaluatedArchitecture,
  EvaluationPlan,
  EvaluationSubject,
  Evaluator,
} from '../../core/ports/evaluator.js';
import { callPlugin, type CallLimit } from './guarded-call.js';
import { nameType, pluginInvalid, toPluginError, type PluginCall } from '../../core/ports/plugin-errors.js';

/**
 * An evaluator whose answers are checked: a plan with windows, and each architecture measured once, with all metrics
 * that the evaluator declares. Whether a metric is finite is not checked here: a model pruned too far has no finite
 * perplexity.
 */
export function guardEvaluator(evaluator: Evaluator, limit: CallLimit): Evaluator {
  const { id, metrics, version = FIRST_VERSION } = evaluator;
  return {
    ...evaluator,
    plan: (text, protocol, options) => {
      const call = { kind: 'evaluator', id, method: 'plan' } as const;
      const plan: unknown = callPlugin(call, limit, () => evaluator.plan(text, protocol, options));
      if (!isPlan(plan))
        throw pluginInvalid(call, `gave ${nameType(plan)} in place of {windows, measurement, fidelity}`);
      // Labels are stored by measurement: those of two evaluators, or versions, must never be taken for each other.
      const scorer = canonicalJson({ id, options });
      if (plan.measurement.scorer === scorer)
        return version === FIRST_VERSION
          ? plan
          : { ...plan, measurement: { ...plan.measurement, scorer: canonicalJson({ id, options, version }) } };
      throw pluginInvalid(call, `gave the scorer ${String(plan.measurement.scorer)}; its id and options are ${scorer}`);
    },
    measure: async function* measure(subject, architectures, plan, work, options) {
      const call = { kind: 'evaluator', id, method: 'measure' } as const;
      const missing = new Set(architectures.keys());
      const faults = new WeakSet<object>();
      const results = callPlugin(call, limit, () =>
        evaluator.measure(noteFaults(subject, faults), architectures, plan, work, options)[Symbol.asyncIterator](),
      );
      let isIdle = true;
      try {
        for (;;) {
          isIdle = false;
          const next = await awaitNext(call, results, work.signal, faults);
          isIdle = true;
          if (next.done === true) break;
          const fault = findFault(next.value, {
            windows: plan.windows.length,
            metrics: metrics.map(({ name }) => name),
            missing,
          });
          if (fault !== undefined) throw pluginInvalid(call, fault);
          missing.delete(next.value.index);
          yield next.value;
        }
      } finally {
        // One that is still at work after a cancel would be waited for until it is done.
        if (isIdle) await results.return?.();
      }
      const [first] = missing;
      if (first !== undefined) throw pluginInvalid(call, `ended before it measured architecture ${first}`);
    },
  };

  async function awaitNext(
    call: PluginCall,
    results: AsyncIterator<EvaluatedArchitecture>,
    signal: AbortSignal,
    faults: WeakSet<object>,
  ): Promise<IteratorResult<EvaluatedArchitecture>> {
    try {
      return await orAborted(
        callPlugin(call, limit, () => results.next()),
        signal,
      );
    } catch (error) {
      throw signal.aborted || (error instanceof Error && faults.has(error)) ? error : toPluginError(error, call);
    }
  }
}

/** The same subject; errors of the model, which are not the evaluator's, are noted as they are thrown. */
function noteFaults(subject: EvaluationSubject, faults: WeakSet<object>): EvaluationSubject {
  return {
    shape: subject.shape,
    losses: async function* losses(...asked) {
      try {
        yield* subject.losses(...asked);
      } catch (error) {
        if (error instanceof Error) faults.add(error);
        throw error;
      }
    },
  };
}

function isPlan(value: unknown): value is EvaluationPlan {
  if (typeof value !== 'object' || value === null) return false;
  const { windows, measurement, fidelity } = value as Readonly<Record<string, unknown>>;
  return (
    Array.isArray(windows) &&
    windows.length > 0 &&
    windows.every(
      (window: unknown) =>
        typeof window === 'object' &&
        window !== null &&
        'tokens' in window &&
        window.tokens instanceof Int32Array &&
        'scoredFrom' in window &&
        Number.isInteger(window.scoredFrom) &&
        'start' in window &&
        Number.isInteger(window.start),
    ) &&
    typeof measurement === 'object' &&
    measurement !== null &&
    typeof fidelity === 'object' &&
    fidelity !== null
  );
}

/** What is wrong with a result; undefined for nothing. */
function findFault(
  result: unknown,
  expected: { readonly windows: number; readonly metrics: readonly string[]; readonly missing: ReadonlySet<number> },
): string | undefined {
  if (typeof result !== 'object' || result === null) return `gave ${nameType(result)} in place of a result`;
  const { index, metrics, windowLosses, windowHits, windowTokens } = result as Readonly<Record<string, unknown>>;
  if (typeof index !== 'number' || !expected.missing.has(index))
    return `gave a result for architecture ${String(index)}, which it was not asked for or has already measured`;
  const absent = expected.metrics.find(
    (name) => typeof (metrics as Readonly<Record<string, unknown>> | undefined)?.[name] !== 'number',
  );
  if (absent !== undefined) return `gave no number for the metric ${absent} of architecture ${index}`;
  for (const [name, values, type] of [
    ['windowLosses', windowLosses, Float64Array],
    ['windowHits', windowHits, Int32Array],
    ['windowTokens', windowTokens, Int32Array],
  ] as const) {
    if (!(values instanceof type)) return `gave ${nameType(values)} as ${name} in place of a ${type.name}`;
    if (values.length !== expected.windows)
      return `gave ${values.length} values as ${name} for ${expected.windows} windows`;
  }
  return undefined;
}
