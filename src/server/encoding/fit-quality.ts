import type { FitQuality as FitQualityMessage, BackendScore } from '../../gen/prunecast/v1/predictor_types.js';
import type { FitQuality } from '../../search/fit/fit-quality.js';
import type { PredictorChoice } from '../../search/fit/choose-predictor.js';

export function encodeQuality(metric: string, quality: FitQuality): FitQualityMessage {
  return { metric, ...quality };
}

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
