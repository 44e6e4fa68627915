import { PrunecastError, type FieldViolation } from '../../../core/errors/prunecast-error.js';
import { narrowSpace, type DimensionRange } from '../../../core/space/narrow-space.js';
import { toRates } from '../../../core/space/search-space.js';
import { changedRanges, proposeRefinement, type RangeChange } from '../../fit/propose-refinement.js';
import { requireFeasible } from '../../sampling/budget-sampler.js';
import { openCandidates } from '../../sampling/open-candidates.js';
import { findCentre } from '../../study/pairs.js';
import type { Progress } from '../../study/phase.js';
import type { StudyPlan } from '../../study/plan.js';
import type { FittedState } from './refine.js';

/**
 * New ranges from the newest fit. If the budgets cannot be met inside them, or spent as far as without them, only the
 * wide ranges are taken; then, instead of these, only the narrowed ones; then none. With 1 % fewer parameters, for
 * example, three dimensions at rates of 0.2 and more would remove twice what was asked for.
 *
 * @param breathe lets others run between stretches of work
 */
export async function refineSpace(
  plan: StudyPlan,
  state: FittedState,
  breathe: () => Promise<void>,
): Promise<RangeChange[]> {
  const { space, fit } = state;
  if (fit === undefined || plan.refinement === undefined) throw new RangeError('refinement needs a fit and options');
  const centre = plan.pairs.nearShare > 0 ? findCentre(plan, state) : undefined;
  const rates = centre === undefined ? [] : [...toRates(space, centre.counts)];
  const proposal = proposeRefinement(
    { space, importances: fit.importances, effects: fit.effects },
    plan.refinement,
  ).map((change, index) => holdNear(change, rates[index], space.dimensions[index]?.rule.rateStep));
  const {
    band: { least },
  } = await openCandidates(plan, space, breathe);
  for (const changes of [
    proposal,
    proposal.map((change) => keepUnless('unimportant', change)),
    proposal.map((change) => keepUnless('important', change)),
  ]) {
    const opened = await openCandidates(plan, narrowSpace(space, changedRanges(changes)), breathe);
    if (!opened.sampler.isEmpty && opened.band.least >= least) return changes;
  }
  return proposal.map(keep);
}

/**
 * A range that moves still holds what lies around the best candidate so far, as the study looks for better ones there.
 * Otherwise an unimportant dimension that has lost nothing would have to lose a fifth.
 */
function holdNear(change: RangeChange, rate: number | undefined, step: number | undefined): RangeChange {
  const { before, after } = change;
  if (rate === undefined || (after.minRate === before.minRate && after.maxRate === before.maxRate)) return change;
  // On a grid the ends are rates of the grid.
  const onGrid = (end: number): number =>
    step === undefined ? end : Number((before.minRate + Math.round((end - before.minRate) / step) * step).toFixed(9));
  const least = Math.min(after.minRate, Math.max(before.minRate, onGrid(rate - HELD_REACH)));
  const most = Math.max(after.maxRate, Math.min(before.maxRate, onGrid(rate + HELD_REACH)));
  return { ...change, after: { minRate: least, maxRate: most } };
}

/** Most points that are drawn near the best one lie within this. */
const HELD_REACH = 0.15;

function keepUnless(reason: RangeChange['reason'], change: RangeChange): RangeChange {
  return change.reason === reason ? change : keep(change);
}

function keep(change: RangeChange): RangeChange {
  return { ...change, after: change.before };
}

/**
 * A proposal with other ranges for the dimensions that the caller names; all others keep what was proposed.
 *
 * @param breathe lets others run between stretches of work
 * @throws PrunecastError SPACE_INVALID with one violation per range at fault, BUDGET_INFEASIBLE if no candidate is left
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
