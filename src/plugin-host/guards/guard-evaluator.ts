import { canonicalJson } from '../../core/canonical-json.js';
import type { MetricDefinition } from '../../core/metric.js';
import { FIRST_VERSION } from '../../core/ports/plugin.js';
import type { Sequence } from '../../core/sequence.js';
import type {
  EvaluationPlan,
  Evaluator,
  FurtherObservations,
  ModelEvaluator,
  RowsEvaluator,
  TextEvaluator,
} from '../../core/ports/evaluator.js';
import { nameType, pluginInvalid } from '../../core/ports/plugin-errors.js';
import { awaitPlugin, callPlugin, type CallLimit } from './guarded-call.js';
import { contextsOf, type PluginHost } from '../context/plugin-context.js';

/**
 * An evaluator whose answers are checked: a plan with sequences to run, and of each architecture all metrics of the plan,
 * with as many numbers as the plan has items. Whether a metric is finite is not checked here: a model pruned too far has
 * no finite perplexity.
 */
export function guardEvaluator(evaluator: Evaluator, limit: CallLimit, host?: PluginHost): Evaluator {
  const { id, metrics, version = FIRST_VERSION } = evaluator;
  const makeContext = contextsOf(evaluator, host);
  const planCall = { kind: 'evaluator', id, method: 'plan' } as const;
  const checkPlan = (plan: unknown, options: unknown): EvaluationPlan => {
    if (!isPlan(plan))
      throw pluginInvalid(
        planCall,
        `gave ${nameType(plan)} in place of {sequences, measurement, fidelity}, each sequence with tokens (Int32Array) and spans of them (none only if sequences are continued)`,
      );
    const unknown = plan.metrics?.find((name) => !metrics.some((known) => known.name === name));
    if (unknown !== undefined) throw pluginInvalid(planCall, `names the metric ${unknown}, which it does not declare`);
    // Labels are stored by measurement: those of two evaluators, or versions, must never be taken for each other.
    const scorer = canonicalJson({ id, options });
    if (plan.measurement.scorer !== scorer)
      throw pluginInvalid(
        planCall,
        `gave the scorer ${String(plan.measurement.scorer)}; its id and options are ${scorer}`,
      );
    return version === FIRST_VERSION
      ? plan
      : { ...plan, measurement: { ...plan.measurement, scorer: canonicalJson({ id, options, version }) } };
  };
  const reduce: Evaluator['reduce'] = async (observed, plan, options, work) => {
    const call = { kind: 'evaluator', id, method: 'reduce' } as const;
    const evaluation = await awaitPlugin(
      call,
      limit,
      () => evaluator.reduce(observed, plan, options, makeContext(work)),
      work.signal,
    );
    const fault = findPlanFault(evaluation, metrics, plan);
    if (fault !== undefined) throw pluginInvalid(call, fault);
    return evaluation;
  };
  const guarded = {
    reduce,
    ...(evaluator.complete === undefined
      ? {}
      : { complete: guardComplete(evaluator.complete, { id, metrics, limit }) }),
  };
  switch (evaluator.reads) {
    case 'text':
      return {
        ...evaluator,
        ...guarded,
        plan: (text, protocol, options) =>
          checkPlan(
            callPlugin(planCall, limit, () => evaluator.plan(text, protocol, options)),
            options,
          ),
      } satisfies TextEvaluator;
    case 'rows':
      return {
        ...evaluator,
        ...guarded,
        plan: async (rows, protocol, options) =>
          checkPlan(await awaitPlugin(planCall, limit, () => evaluator.plan(rows, protocol, options)), options),
      } satisfies RowsEvaluator;
    case 'nothing':
      return {
        ...evaluator,
        ...guarded,
        plan: (model, options) =>
          checkPlan(
            callPlugin(planCall, limit, () => evaluator.plan(model, options)),
            options,
          ),
      } satisfies ModelEvaluator;
  }
}

function guardComplete(
  complete: NonNullable<Evaluator['complete']>,
  { id, metrics, limit }: { readonly limit: CallLimit } & Pick<Evaluator, 'id' | 'metrics'>,
): NonNullable<Evaluator['complete']> {
  const call = { kind: 'evaluator', id, method: 'complete' } as const;
  return (stored, plan) => {
    const evaluation = callPlugin(call, limit, () => complete(stored, plan));
    const fault = evaluation === undefined ? undefined : findPlanFault(evaluation, metrics, plan);
    if (fault !== undefined) throw pluginInvalid(call, fault);
    return evaluation;
  };
}

function findPlanFault(
  evaluation: unknown,
  metrics: readonly MetricDefinition[],
  plan: EvaluationPlan,
): string | undefined {
  return findFault(
    evaluation,
    { declared: metrics, due: metrics.filter(({ name }) => plan.metrics?.includes(name) ?? true) },
    // Other software may have its own count of what it asks a checkpoint.
    plan.observe?.checkpoint !== undefined && plan.fidelity.items.length === 0 ? undefined : plan.fidelity.items.length,
  );
}

function isPlan(value: unknown): value is EvaluationPlan {
  if (typeof value !== 'object' || value === null) return false;
  const { sequences, observe = {}, measurement, fidelity, metrics } = value as Readonly<Record<string, unknown>>;
  if (typeof observe !== 'object' || observe === null) return false;
  const { continuation, timing, checkpoint } = observe as FurtherObservations;
  const fewestSpans = continuation === undefined ? 1 : 0;
  return (
    (continuation === undefined || isCount(continuation, 1)) &&
    (timing === undefined || (isCount(timing.tokens, 1) && isCount(timing.repeats, 1) && isCount(timing.warmUp, 0))) &&
    (checkpoint === undefined || (checkpoint !== null && typeof checkpoint.exporter === 'string')) &&
    Array.isArray(sequences) &&
    sequences.every((sequence) => isSequence(sequence, fewestSpans)) &&
    typeof measurement === 'object' &&
    measurement !== null &&
    typeof fidelity === 'object' &&
    fidelity !== null &&
    'items' in fidelity &&
    Array.isArray(fidelity.items) &&
    (metrics === undefined || Array.isArray(metrics))
  );
}

function isCount(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least;
}

function isSequence(value: unknown, fewestSpans: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { tokens, spans } = value as Partial<Sequence>;
  if (!(tokens instanceof Int32Array) || !Array.isArray(spans) || spans.length < fewestSpans) return false;
  let before = 1;
  for (const { from, to } of spans as Sequence['spans']) {
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < before || to <= from) return false;
    before = to;
  }
  return before <= tokens.length;
}

/**
 * What is wrong with an evaluation; undefined for nothing.
 *
 * @param count of items; undefined: any, as many in each column
 */
function findFault(
  evaluation: unknown,
  { declared, due }: Readonly<Record<'declared' | 'due', readonly MetricDefinition[]>>,
  count: number | undefined,
): string | undefined {
  if (typeof evaluation !== 'object' || evaluation === null)
    return `gave ${nameType(evaluation)} in place of {metrics, items}`;
  const { metrics: values, items } = evaluation as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  const absent = due.find(({ name }) => typeof values?.[name] !== 'number');
  if (absent !== undefined) return `gave no number for the metric ${absent.name}`;
  const unknown = Object.keys(values ?? {}).find((given) => !declared.some(({ name }) => name === given));
  if (unknown !== undefined) return `gave the metric ${unknown}, which it does not declare`;
  if (typeof items !== 'object' || items === null)
    return `gave ${nameType(items)} as items: it is an object of columns, {} if there are none`;
  const [first] = Object.values(items);
  const asked = count ?? (first instanceof Float64Array ? first.length : 0);
  for (const [name, column] of Object.entries(items)) {
    if (!(column instanceof Float64Array)) return `gave ${nameType(column)} as ${name} in place of a Float64Array`;
    if (column.length !== asked) return `gave ${column.length} numbers as ${name} for ${asked} items`;
  }
  const missing = due
    .flatMap(({ mean }) => (mean === undefined ? [] : [mean.of, mean.per]))
    .find((name) => !(name in items));
  return missing === undefined ? undefined : `gave no ${missing} of its items, which a metric is the mean of`;
}
