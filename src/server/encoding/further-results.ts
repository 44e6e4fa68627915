import type { MetricDefinition } from '../../core/metric.js';
import type { Label } from '../../core/ports/label-store.js';
import { countScored } from '../../core/sequence.js';
import { standardError } from '../../core/statistics/standard-error.js';
import type { FurtherResult } from '../../gen/prunecast/v1/job.js';
import type { NamedMeasurement } from '../requests/resolve-evaluate.js';
import { encodeFidelity, encodeMeasurement } from './measurement.js';

/** What a measurement found of an architecture. */
export function encodeFound({ name, evaluator, plan }: NamedMeasurement, label: Label): FurtherResult {
  return {
    name,
    metrics: { ...label.metrics },
    standardErrors: listStandardErrors(evaluator.plugin.metrics, label),
    measurement: encodeMeasurement(plan.measurement),
    fidelity: encodeFidelity(plan.fidelity),
    scoredTokens: BigInt(countScored(plan.sequences)),
    items: Object.values(label.items)[0]?.length ?? plan.fidelity.items.length,
    shortened: plan.shortened,
  };
}

/** Of metrics that are means over items; of one that is an exponential, by the delta method. */
function listStandardErrors(metrics: readonly MetricDefinition[], label: Label): Record<string, number> {
  return Object.fromEntries(
    metrics.flatMap(({ name, mean, scale }) => {
      const value = label.metrics[name];
      const [values, weights] = mean === undefined ? [] : [label.items[mean.of], label.items[mean.per]];
      const error = values === undefined || weights === undefined ? undefined : standardError(values, weights);
      return value === undefined || error === undefined ? [] : [[name, scale === 'log' ? value * error : error]];
    }),
  );
}
