import type { RangeProposal } from '../../gen/prunecast/v1/predictor_types.js';
import type { RangeChange } from '../../search/fit/propose-refinement.js';

export function encodeRangeChange({ dimension, before, after, importance, reason }: RangeChange): RangeProposal {
  return {
    dimension,
    oldMinRate: before.minRate,
    oldMaxRate: before.maxRate,
    newMinRate: after.minRate,
    newMaxRate: after.maxRate,
    importance: importance ?? 0,
    reason,
  };
}
