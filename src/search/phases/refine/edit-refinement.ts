import { PrunecastError, type FieldViolation } from '../../../core/errors/prunecast-error.js';
import { narrowSpace, type DimensionRange } from '../../../core/space/narrow-space.js';
import { changedRanges, type RangeChange } from '../../fit/propose-refinement.js';
import { requireFeasible } from '../../sampling/budget-sampler.js';
import { openCandidates } from '../../sampling/open-candidates.js';
import type { Progress } from '../../study/phase.js';
import type { StudyPlan } from '../../study/plan.js';

/**
 * A proposal with other ranges for the dimensions that are named; all others take what was proposed.
 *
 * @param breathe lets others run between stretches of work
 * @throws PrunecastError SPACE_INVALID with one violation a range at fault, BUDGET_INFEASIBLE where no candidate is left
 */
export async function editRefinement(
  plan: StudyPlan,
  { space }: Pick<Progress, 'space'>,
  proposal: readonly RangeChange[],
  ranges: readonly DimensionRange[],
  breathe: () => Promise<void>,
): Promise<RangeChange[]> {
  refuseRepeated(ranges);
  narrowSpace(space, ranges);
  const edited = new Map(ranges.map(({ dimension, minRate, maxRate }) => [dimension, { minRate, maxRate }]));
  const changes = proposal.map((change): RangeChange => {
    const after = edited.get(change.dimension);
    const isAsProposed =
      after === undefined || (after.minRate === change.after.minRate && after.maxRate === change.after.maxRate);
    return isAsProposed ? change : { ...change, after, reason: 'edited' };
  });
  const { sampler, band } = await openCandidates(plan, narrowSpace(space, changedRanges(changes)), breathe);
  requireFeasible(sampler, band);
  return changes;
}

function refuseRepeated(ranges: readonly DimensionRange[]): void {
  const violations = ranges.flatMap(({ dimension }, index): FieldViolation[] =>
    ranges.findIndex((other) => other.dimension === dimension) === index
      ? []
      : [{ field: `ranges[${index}].dimension`, description: `is ${dimension} again: give each dimension one range` }],
  );
  if (violations.length > 0)
    throw new PrunecastError('SPACE_INVALID', violations.map((v) => `${v.field}: ${v.description}`).join('; '), {
      violations,
    });
}
