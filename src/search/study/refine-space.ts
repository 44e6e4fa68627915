import { narrowSpace } from '../../core/space/narrow-space.js';
import { changedRanges, proposeRefinement, type RangeChange } from '../refinement/propose-refinement.js';
import { openCandidates } from './candidate-sampler.js';
import type { StudyPlan } from './study-plan.js';
import type { StudyState } from './study-state.js';

/**
 * New ranges from the newest fit. Where the budget cannot be met inside them, or not be spent as it can without them, those
 * that narrow are given up first, then those that go to the wide range instead, then all: at 1 % fewer parameters three
 * dimensions at rates of 0.2 and more would remove twice what was asked for.
 */
export async function refineSpace(plan: StudyPlan, state: StudyState, breathe: () => Promise<void>): Promise<RangeChange[]> {
  const { space, fit } = state;
  if (fit === undefined || plan.refinement === undefined) throw new RangeError('refinement needs a fit and options');
  const proposal = proposeRefinement({ space, importances: fit.importances, effects: fit.effects }, plan.refinement);
  const { band: { least } } = await openCandidates(plan, space, breathe);
  for (const changes of [proposal, proposal.map((change) => keepUnless('unimportant', change)), proposal.map((change) => keepUnless('important', change))]) {
    const opened = await openCandidates(plan, narrowSpace(space, changedRanges(changes)), breathe);
    if (!opened.sampler.isEmpty && opened.band.least >= least) return changes;
  }
  return proposal.map(keep);
}

function keepUnless(reason: RangeChange['reason'], change: RangeChange): RangeChange {
  return change.reason === reason ? change : keep(change);
}

function keep(change: RangeChange): RangeChange {
  return { ...change, after: change.before };
}
