import type { Counts } from '../../core/space/search-space.js';
import { drawDistinct } from '../sampling/draw-distinct.js';
import { openCandidates } from './candidate-sampler.js';
import type { StudyPlan } from './study-plan.js';
import type { Rng } from '../../core/random.js';

/** Distinct random candidates of the unrefined space; fewer where the budget leaves no more. */
export async function drawCandidates(
  plan: StudyPlan,
  { count, rng }: { readonly count: number; readonly rng: Rng },
  breathe: () => Promise<void>,
): Promise<Counts[]> {
  const { sampler } = await openCandidates(plan, plan.space, breathe);
  return drawDistinct(sampler, count, rng, new Set());
}
