import { pairBand, sortByTightness, type Budget, type CostBand } from '../../core/budget/budget.js';
import { createCostModel } from '../../core/budget/cost-model.js';
import type { ModelShape } from '../../core/model/shape.js';
import type { Rng } from '../../core/ports/rng.js';
import type { CandidateSampler } from '../../core/ports/strategy.js';
import { countsKey, type Counts, type SearchSpace } from '../../core/space/search-space.js';
import { findUniformPaper } from '../controls/uniform.js';
import { createBudgetSamplerGently, requireFeasible } from '../sampling/budget-sampler.js';
import { drawDistinct } from '../sampling/draw-distinct.js';
import type { StudyPlan } from './study-plan.js';

export interface DrawRequest {
  readonly space: SearchSpace;
  readonly count: number;
  /** How many of them have neighbouring layers tied; in the first sample one is the nearest feasible uniform architecture. */
  readonly tied: number;
  readonly taken: readonly Counts[];
  readonly rng: Rng;
}

/**
 * Distinct points in the band of pairs: tied ones, then free ones; fewer where the band holds no more. The first sample
 * begins with the nearest feasible uniform architecture; a later one, inside a refined space, may be empty.
 *
 * @param breathe lets others run between stretches of work
 * @throws PrunecastError BUDGET_INFEASIBLE
 */
export async function drawPairs(plan: StudyPlan, { space, count, tied, taken, rng }: DrawRequest, breathe: () => Promise<void>): Promise<Counts[]> {
  const keys = new Set(taken.map(countsKey));
  const [tightest, ...others] = sortByTightness(space.shape, plan.budgets);
  if (tightest === undefined) throw new RangeError('a study has at least one budget');
  const band = pairBand(space, tightest, plan.pairs.band);
  const also = others.map((budget) => looseBand(space.shape, budget, plan.pairs.band));
  const free = await createBudgetSamplerGently({ space, band, also }, breathe);
  if (taken.length === 0) requireFeasible(free, band);
  const uniform = taken.length === 0 && count > 0 ? nearestUniform(plan, space, free, rng.fork('uniform')) : undefined;
  const points = uniform === undefined ? [] : [uniform];
  for (const counts of points) keys.add(countsKey(counts));
  if (tied > 0) {
    const sampler = await createBudgetSamplerGently({ space, band, also, tieRun: plan.pairs.tieRun }, breathe);
    points.push(...drawDistinct(sampler, Math.min(tied, count - points.length), rng.fork('tied'), keys));
  }
  points.push(...drawDistinct(free, count - points.length, rng.fork('free'), keys));
  return points;
}

/** The point nearest to `uniform-paper` that the space allows and the band holds. */
function nearestUniform(plan: StudyPlan, space: SearchSpace, sampler: CandidateSampler, rng: Rng): Counts | undefined {
  const uniform = findUniformPaper(plan.space, plan.budgets);
  return uniform === undefined ? undefined : sampler.repair(uniform.counts.map((count, index) => nearest(space.dimensions[index]?.counts ?? [], count)), rng);
}

function nearest(allowed: readonly number[], count: number): number {
  return allowed.reduce((best, other) => (Math.abs(other - count) < Math.abs(best - count) ? other : best), allowed[0] ?? count);
}

/** A further budget as a band of pairs: over its limit by no more than the band allows, with no lower end. */
function looseBand(shape: ModelShape, { cost, limit }: Budget, share: number): CostBand {
  return { cost: createCostModel(shape, cost), least: 0, most: Math.floor(limit * (1 + share)) };
}
