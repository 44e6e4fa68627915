import { RangeReason, type RangeProposal } from '../../gen/prunecast/v1/predictor_types.js';
import type { RangeChange, RefinementReason } from '../../search/fit/propose-refinement.js';

export function encodeRangeChange({ dimension, before, after, importance, reason }: RangeChange): RangeProposal {
  return {
    dimension,
    oldMinRate: before.minRate,
    oldMaxRate: before.maxRate,
    newMinRate: after.minRate,
    newMaxRate: after.maxRate,
    importance: importance ?? 0,
    reason: REASON_CODES[reason],
  };
}

const REASON_CODES = {
  important: RangeReason.IMPORTANT,
  middle: RangeReason.MIDDLE,
  unimportant: RangeReason.UNIMPORTANT,
  steep: RangeReason.STEEP,
  fixed: RangeReason.FIXED,
  edited: RangeReason.EDITED,
} as const satisfies Record<RefinementReason, RangeReason>;
