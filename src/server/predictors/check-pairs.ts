import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PairTable } from '../../core/pairs.js';
import type { PluginsByKind } from '../../plugins/plugin-entry.js';
import type { FitRequest } from './fitted-predictors.js';

/**
 * Pairs as a predictor takes them: enough, not too many, all numbers finite, values on the scale of the fit.
 *
 * @throws PrunecastError PAIRS_TOO_FEW, PAIRS_TOO_MANY, PAIRS_INVALID with the first pair at fault
 */
export function checkPairs(predictor: PluginsByKind['predictor'], { metric, dimensions, rates, values }: Omit<FitRequest, 'plugin'>): PairTable {
  const { least, most } = predictor.pairs;
  const count = values.length;
  const metadata = { pairs: String(count), least: String(least), most: String(most) };
  if (count < least) throw new PrunecastError('PAIRS_TOO_FEW', `${predictor.id} needs at least ${least} pairs, got ${count}: give more pairs`, { metadata, violations: [{ field: 'pairs.pairs', description: `has ${count}; at least ${least} are needed` }] });
  if (count > most) throw new PrunecastError('PAIRS_TOO_MANY', `${predictor.id} takes at most ${most} pairs, got ${count}: give fewer pairs or another predictor`, { metadata, violations: [{ field: 'pairs.pairs', description: `has ${count}; at most ${most} are taken` }] });
  const badRate = rates.findIndex((rate) => !(rate >= 0 && rate <= 1));
  if (badRate >= 0) {
    const pair = Math.floor(badRate / dimensions.length);
    throw invalid(`pairs.pairs[${pair}].rates[${badRate % dimensions.length}]`, `is ${rates[badRate]}; allowed is 0 to 1`);
  }
  const targets = values.map((value) => (metric.scale === 'log' ? Math.log(value) : value));
  const badValue = targets.findIndex((target) => !Number.isFinite(target));
  if (badValue >= 0) {
    throw invalid(`pairs.pairs[${badValue}].metrics.${metric.name}`, `is ${values[badValue]}; a ${metric.scale === 'log' ? 'finite number above 0' : 'finite number'} is needed`);
  }
  return { dimensions, rates, targets };
}

function invalid(field: string, description: string): PrunecastError {
  return PrunecastError.ofField(field, description, 'PAIRS_INVALID');
}
