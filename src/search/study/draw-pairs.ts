import { pairBand, sortByTightness, type Budget, type CostBand } from '../../core/budget/budget.js';
import { createCostModel } from '../../core/budget/cost-model.js';
import type { ModelShape } from '../../core/model/shape.js';
import type { Rng } from '../../core/ports/rng.js';
import { countsKey, type Counts } from '../../core/space/search-space.js';
import { createBudgetSamplerGently, requireFeasible } from '../sampling/budget-sampler.js';
import { drawDistinct } from '../sampling/draw-distinct.js';
import { drawNear } from '../sampling/draw-near.js';
import { drawSparse } from '../sampling/draw-sparse.js';
import type { DrawPairs } from './next-action.js';
import type { StudyPlan } from './study-plan.js';

export interface DrawRequest extends Omit<DrawPairs, 'kind' | 'seed'> {
  readonly rng: Rng;
}

/**
 * Distinct points in the band of pairs: tied ones, sparse ones, some near a centre, and free ones; fewer where the band holds
 * no more. A sample inside a refined space may be empty.
 *
 * @param breathe lets others run between stretches of work
 * @throws PrunecastError BUDGET_INFEASIBLE
 */
export async function drawPairs(plan: StudyPlan, { space, count, tied, sparse, near, centre, taken, rng }: DrawRequest, breathe: () => Promise<void>): Promise<Counts[]> {
  const keys = new Set(taken.map(countsKey));
  const [tightest, ...others] = sortByTightness(space.shape, plan.budgets);
  if (tightest === undefined) throw new RangeError('a study has at least one budget');
  const band = pairBand(space, tightest, plan.pairs.band);
  const also = others.map((budget) => looseBand(space.shape, budget, plan.pairs.band));
  const free = await createBudgetSamplerGently({ space, band, also }, breathe);
  if (taken.length === 0) requireFeasible(free, band);
  const points: Counts[] = [];
  if (tied > 0) {
    const sampler = await createBudgetSamplerGently({ space, band, also, tieRun: plan.pairs.tieRun }, breathe);
    points.push(...drawDistinct(sampler, Math.min(tied, count), rng.fork('tied'), keys));
  }
  points.push(...(await drawSparse({ space, band, also }, Math.min(sparse, count - points.length), rng.fork('sparse'), keys, breathe)));
  if (centre !== undefined) points.push(...drawNear(space, free, centre, Math.min(near, count - points.length), rng.fork('near'), keys));
  points.push(...drawDistinct(free, count - points.length, rng.fork('free'), keys));
  return points;
}

/** A further budget as a band of pairs: over its limit by no more than the band allows, with no lower end. */
function looseBand(shape: ModelShape, { cost, limit }: Budget, share: number): CostBand {
  return { cost: createCostModel(shape, cost), least: 0, most: Math.floor(limit * (1 + share)) };
}
