import type { RefinePlan } from '../../gen/prunecast/v1/pruning.js';
import type { RefinementOptions } from '../../search/fit/propose-refinement.js';
import { DEFAULT_REFINEMENT } from './defaults.js';
import { requireNumber } from './fields.js';

/** How ranges are refined; undefined if they are not. Throws INVALID_REQUEST naming the field. */
export function decodeRefinement(refine: RefinePlan | undefined): RefinementOptions | undefined {
  if (refine?.disabled === true) return undefined;
  const importantShare = refine?.importantShare ?? DEFAULT_REFINEMENT.importantShare;
  const minRate = refine?.flatMinRate ?? DEFAULT_REFINEMENT.wideRange.minRate;
  return {
    ...DEFAULT_REFINEMENT,
    importantShare,
    unimportantShare: requireNumber(
      refine?.unimportantShare ?? DEFAULT_REFINEMENT.unimportantShare,
      'refine.unimportant_share',
      { min: 0, max: 1 - importantShare },
    ),
    wideRange: {
      minRate,
      maxRate: requireNumber(refine?.flatMaxRate ?? DEFAULT_REFINEMENT.wideRange.maxRate, 'refine.flat_max_rate', {
        min: minRate,
        max: 1,
      }),
    },
  };
}
