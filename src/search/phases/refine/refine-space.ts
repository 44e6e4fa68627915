import { narrowSpace } from '../../../core/space/narrow-space.js';
import { toRates } from '../../../core/space/search-space.js';
import type { FittedState } from './refine.js';
import { changedRanges, proposeRefinement, type RangeChange } from '../../fit/propose-refinement.js';
import { openCandidates } from '../../sampling/open-candidates.js';
import { findCentre } from '../../study/pairs.js';
import type { StudyPlan } from '../../study/plan.js';

/**
 * New ranges from the newest fit. Where the budget cannot be met inside them, or not be spent as it can without them, those
 * that narrow are given up first, then those that go to the wide range instead, then all: at 1 % fewer parameters three
 * dimensions at rates of 0.2 and more would remove twice what was asked for.
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
 * A range that moves still holds what lies around the best candidate so far, where a study looks for better ones: an
 * unimportant dimension that has lost nothing would have to lose a fifth otherwise.
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

/** As far as most points lie that are drawn near the best one. */
const HELD_REACH = 0.15;

function keepUnless(reason: RangeChange['reason'], change: RangeChange): RangeChange {
  return change.reason === reason ? change : keep(change);
}

function keep(change: RangeChange): RangeChange {
  return { ...change, after: change.before };
}
