import type { BackendScore } from '../../gen/prunecast/v1/predictor_types.js';
import type { PredictorChoice } from '../../search/fit/choose-predictor.js';
import { encodeQuality } from './fit-quality.js';

/** How the backends did for a metric, in the order they were tried; none if the backend was named. */
export function encodeChoice(metric: string, choice: PredictorChoice | undefined): BackendScore[] {
  return (choice?.scores ?? []).map((score) => ({
    backend: score.id,
    chosen: score.id === choice?.chosen,
    quality: score.tried ? encodeQuality(metric, score.quality) : undefined,
    notTried: score.tried ? '' : score.reason,
    metric,
  }));
}
