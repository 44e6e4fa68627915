import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { nameMetric, type MetricDefinition } from '../../core/metric.js';
import type { Evaluator } from '../../core/ports/evaluator.js';
import type { PluginRef } from '../../gen/prunecast/v1/common.js';
import { DEFAULT_PLUGINS } from './defaults.js';
import type { PluginLookup, ResolvedPlugin } from './plugin-lookup.js';

/** The evaluator of a further measurement, with the name that its metrics have in front. */
export interface NamedEvaluator {
  readonly name: string;
  readonly evaluator: ResolvedPlugin<'evaluator'>;
}

const NAME = /^[a-z0-9]+(_[a-z0-9]+)*$/;

/**
 * The evaluators of further measurements.
 *
 * @throws PrunecastError INVALID_REQUEST for a name that is no name or is there twice, and as `PluginLookup.resolve`
 */
export function resolveFurther(
  plugins: PluginLookup,
  asked: readonly { readonly name: string; readonly evaluator?: PluginRef | undefined }[],
): NamedEvaluator[] {
  const names = new Set<string>();
  return asked.map((own, index) => {
    const field = `further_measurements[${index}]`;
    const evaluator = plugins.resolve('evaluator', own.evaluator, DEFAULT_PLUGINS.evaluator, `${field}.evaluator`);
    const name = own.name || evaluator.id.replaceAll('-', '_');
    if (!NAME.test(name))
      throw PrunecastError.ofField(
        `${field}.name`,
        `is "${name}"; allowed is snake_case: lower-case letters and digits, with _ between them`,
      );
    if (names.has(name))
      throw PrunecastError.ofField(`${field}.name`, `is "${name}", as of one before it: give each a name of its own`);
    names.add(name);
    return { name, evaluator };
  });
}

/** All metrics that a request measures, by the names that it has for them. */
export function listMeasured(
  evaluator: Pick<Evaluator, 'id' | 'metrics'>,
  further: readonly NamedEvaluator[],
): { readonly id: string; readonly metrics: readonly MetricDefinition[] } {
  return {
    id: [evaluator.id, ...further.map((own) => own.evaluator.id)].join(', '),
    metrics: [
      ...evaluator.metrics,
      ...further.flatMap(({ name, evaluator: { plugin } }) =>
        plugin.metrics.map((metric) => ({ ...metric, name: nameMetric(name, metric.name) })),
      ),
    ],
  };
}
