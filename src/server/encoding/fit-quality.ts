import type { FitQuality as FitQualityMessage } from '../../gen/prunecast/v1/predictor_types.js';
import type { FitQuality } from '../../search/fit/fit-quality.js';

export function encodeQuality(metric: string, quality: FitQuality): FitQualityMessage {
  return { metric, ...quality };
}
