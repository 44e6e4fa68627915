import type { PairTable } from '../../core/pairs.js';
import type { RateRange } from '../../core/space/count-rule.js';
import { PredictorFeatures, type Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import { encodeQuality, encodeChoice } from '../encoding/fit-quality.js';
import { createId } from '../records/create-id.js';
import { toTimestamp } from '../encoding/timestamp.js';
import type { MetricFit } from './fit-metric.js';
import type { FitRequest } from './fit-request.js';

/**
 * A new predictor as callers see it.
 *
 * @param tables the pairs of each metric, with the same rates
 * @param fits one per metric, in the same order
 */
export function describePredictor(
  request: FitRequest,
  tables: readonly [PairTable, ...PairTable[]],
  { fits, pairsDigest }: { readonly fits: readonly MetricFit[]; readonly pairsDigest: string },
  now: number,
): Predictor {
  const { plugin, source, seed, dimensions, tables: errors = [] } = request;
  const [{ targets }] = tables;
  const ranges = listRanges(request);
  const metrics = tables.map(({ metric }) => metric?.name ?? '');
  return {
    id: createId('predictor'),
    backend: fits[0]?.backend ?? '',
    requestedBackend: plugin.id,
    ...source,
    recipeDigests: [...source.recipeDigests],
    metrics,
    dimensions: [...dimensions],
    pairs: targets.length,
    pairsDigest,
    seed: BigInt(seed),
    quality: fits.flatMap(({ judgement, crossValidation }, index) =>
      [judgement.quality, crossValidation].flatMap((quality) =>
        quality === undefined ? [] : [encodeQuality(metrics[index] ?? '', quality)],
      ),
    ),
    features: errors.length === 0 ? PredictorFeatures.RATES : PredictorFeatures.RATES_AND_ERRORS,
    metricBackends: fits.map(({ backend }) => backend),
    scores: fits.flatMap(({ choice }, index) => encodeChoice(metrics[index] ?? '', choice)),
    learning: fits.flatMap(({ learning }, index) =>
      learning.map((point) => ({ metric: metrics[index] ?? '', ...point })),
    ),
    createTime: toTimestamp(now),
    minRates: ranges.map(({ minRate }) => minRate),
    maxRates: ranges.map(({ maxRate }) => maxRate),
  };
}

/** The lowest and the highest rate of each dimension among the pairs. */
export function listRanges({ dimensions, rates }: Pick<PairTable, 'dimensions' | 'rates'>): RateRange[] {
  const columns = dimensions.length;
  const [least, most] = [new Float64Array(columns).fill(1), new Float64Array(columns)];
  for (let from = 0; from < rates.length; from += columns) {
    for (let column = 0; column < columns; column++) {
      const rate = rates[from + column] as number;
      if (rate < (least[column] as number)) least[column] = rate;
      if (rate > (most[column] as number)) most[column] = rate;
    }
  }
  return Array.from(least, (minRate, column) => ({ minRate, maxRate: most[column] as number }));
}
