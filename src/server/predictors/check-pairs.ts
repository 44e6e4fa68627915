import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { addRecipeColumns } from '../../core/features/recipe-columns.js';
import { type MetricDefinition, findLabelFault } from '../../core/metric.js';
import type { PairTable, TargetMetric } from '../../core/pairs.js';
import type { PluginsByKind } from '../../core/ports/plugin-entry.js';
import type { MetricValues } from '../requests/resolve-fit.js';
import type { FitRequest } from './fit-request.js';

/**
 * Turns pairs into the tables that a predictor takes, one per metric. Checks that there are enough and not too many,
 * and that all numbers are within bounds; puts values on the scale of the fit. If the pairs have several recipes,
 * recipes are further columns. Equal rows with different labels are kept: they are measurements that differ.
 *
 * @throws PrunecastError PAIRS_TOO_FEW, PAIRS_TOO_MANY, PAIRS_INVALID with the first invalid pair
 */
export function checkPairs(
  predictor: PluginsByKind['predictor'],
  { metric, values, others = [], dimensions, rates, recipes = [], source }: Omit<FitRequest, 'plugin'>,
): [PairTable, ...PairTable[]] {
  const { least, most } = predictor.pairs;
  const count = values.length;
  const metadata = { pairs: String(count), least: String(least), most: String(most) };
  if (count < least)
    throw new PrunecastError(
      'PAIRS_TOO_FEW',
      `${predictor.id} needs at least ${least} pairs, got ${count}: give more pairs`,
      { metadata, violations: [{ field: 'pairs.pairs', description: `has ${count}; at least ${least} are needed` }] },
    );
  if (count > most)
    throw new PrunecastError(
      'PAIRS_TOO_MANY',
      `${predictor.id} takes at most ${most} pairs, got ${count}: give fewer pairs or another predictor`,
      { metadata, violations: [{ field: 'pairs.pairs', description: `has ${count}; at most ${most} are taken` }] },
    );
  const badRate = rates.findIndex((rate) => !(rate >= 0 && rate <= 1));
  if (badRate >= 0) {
    const pair = Math.floor(badRate / dimensions.length);
    throw invalid(
      `pairs.pairs[${pair}].rates[${badRate % dimensions.length}]`,
      `is ${rates[badRate]}; allowed is 0 to 1`,
    );
  }
  const widened = addRecipeColumns({ dimensions, rates }, source.recipeDigests, recipes);
  const tableOf = (target: MetricValues, index: number): PairTable => ({
    ...widened,
    targets: readTargets(target),
    metric: describeMetric(target.metric, index, 1 + others.length),
  });
  return [tableOf({ metric, values }, 0), ...others.map((other, index) => tableOf(other, index + 1))];
}

function describeMetric({ name, scale, better }: MetricDefinition, index: number, of: number): TargetMetric {
  return { name, scale, better, index, of };
}

function readTargets({ metric, values }: MetricValues): Float64Array {
  for (const [pair, value] of values.entries()) {
    const fault = findLabelFault(metric, value);
    if (fault !== undefined) throw invalid(`pairs.pairs[${pair}].metrics.${metric.name}`, fault);
  }
  return values.map((value) => (metric.scale === 'log' ? Math.log(value) : value));
}

function invalid(field: string, description: string): PrunecastError {
  return PrunecastError.ofField(field, description, 'PAIRS_INVALID');
}
