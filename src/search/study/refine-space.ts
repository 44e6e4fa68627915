import { narrowSpace } from '../../core/space/narrow-space.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import { changedRanges, proposeRefinement, type RangeChange } from '../refinement/propose-refinement.js';
import { openCandidates } from './candidate-sampler.js';
import type { StudyPlan } from './study-plan.js';
import type { StudyState } from './study-state.js';

/**
 * New ranges from the newest fit. Where the budget cannot be met inside them, those that narrow are given up first, then
 * all: a space that holds no candidate serves nobody.
 */
export async function refineSpace(plan: StudyPlan, state: StudyState, breathe: () => Promise<void>): Promise<RangeChange[]> {
  const { space, fit } = state;
  if (fit === undefined || plan.refinement === undefined) throw new RangeError('refinement needs a fit and options');
  const proposal = proposeRefinement({ space, importances: fit.importances, effects: fit.effects }, plan.refinement);
  for (const changes of [proposal, proposal.map(keepUnlessWider)]) {
    if (await holdsCandidates(plan, narrowSpace(space, changedRanges(changes)), breathe)) return changes;
  }
  return proposal.map(keep);
}

function keepUnlessWider(change: RangeChange): RangeChange {
  return change.reason === 'unimportant' ? change : keep(change);
}

function keep(change: RangeChange): RangeChange {
  return { ...change, after: change.before };
}

async function holdsCandidates(plan: StudyPlan, space: SearchSpace, breathe: () => Promise<void>): Promise<boolean> {
  return !(await openCandidates(plan, space, breathe)).sampler.isEmpty;
}
