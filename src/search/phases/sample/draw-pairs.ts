import { pairBand, sortByTightness, type Budget, type CostBand } from '../../../core/budget/budget.js';
import { createCostModel } from '../../../core/budget/cost-spec.js';
import type { ModelShape } from '../../../core/model/shape.js';
import type { Rng } from '../../../core/random.js';
import { countsKey, type Counts, type SearchSpace } from '../../../core/space/search-space.js';
import { listCosts } from '../../objectives/objectives.js';
import { createBudgetSamplerGently, requireFeasible } from '../../sampling/budget-sampler.js';
import { costRange } from '../../sampling/cost-range.js';
import { drawDistinct, drawNear, drawSparse } from '../../sampling/draw-points.js';
import { openCandidates, RANGE_PARTS } from '../../sampling/open-candidates.js';
import { objectivesOf, type StudyPlan } from '../../study/plan.js';
import type { DrawPairs } from '../../study/steps.js';

export interface DrawRequest extends Omit<DrawPairs, 'kind' | 'seed'> {
  readonly rng: Rng;
}

/**
 * Distinct points in the band of pairs: tied ones, sparse ones, some near a centre, and free ones; fewer if the band
 * holds no more. A sample inside a refined space may be empty.
 *
 * @param breathe lets others run between stretches of work
 * @throws PrunecastError BUDGET_INFEASIBLE
 */
export async function drawPairs(
  plan: StudyPlan,
  { space, count, tied, sparse, near, centre, taken, rng }: DrawRequest,
  breathe: () => Promise<void>,
): Promise<Counts[]> {
  const keys = new Set(taken.map(countsKey));
  const [tightest, ...others] = sortByTightness(space.shape, plan.budgets);
  if (tightest === undefined) throw new RangeError('a study has at least one budget');
  const { parts, ...band } = bandOfPairs(plan, space, tightest);
  const also = others.map((budget) => looseBand(space.shape, budget, plan.pairs.band));
  const free = await createBudgetSamplerGently({ space, band, also, parts }, breathe);
  if (taken.length === 0) requireFeasible(free, band);
  const points: Counts[] = [];
  if (tied > 0) {
    const sampler = await createBudgetSamplerGently({ space, band, also, parts, tieRun: plan.pairs.tieRun }, breathe);
    points.push(...drawDistinct(sampler, Math.min(tied, count), rng.fork('tied'), keys));
  }
  points.push(
    ...(await drawSparse(
      { space, band, also, parts },
      Math.min(sparse, count - points.length),
      rng.fork('sparse'),
      keys,
      breathe,
    )),
  );
  if (centre !== undefined && near > 0) {
    // They are candidates themselves, so that they compare with the centre.
    const { sampler } = await openCandidates(plan, space, breathe);
    points.push(...drawNear(space, sampler, centre, Math.min(near, count - points.length), rng.fork('near'), keys));
  }
  points.push(...drawDistinct(free, count - points.length, rng.fork('free'), keys));
  return points;
}

/**
 * The band around the budget, or all below it if an objective is a cost: predictions are needed where the search looks.
 */
function bandOfPairs(plan: StudyPlan, space: SearchSpace, budget: Budget): CostBand & { readonly parts: number } {
  const band = pairBand(space, budget, plan.pairs.band);
  if (listCosts(objectivesOf(plan)).length === 0) return { ...band, parts: 1 };
  return { ...band, least: Math.min(costRange(space, band.cost).least, band.most), parts: RANGE_PARTS };
}

/** A further budget as a band of pairs: above its limit by at most the share, with no lower end. */
function looseBand(shape: ModelShape, { cost, limit }: Budget, share: number): CostBand {
  return { cost: createCostModel(shape, cost), least: 0, most: Math.floor(limit * (1 + share)) };
}
