import { candidateBand, sortByTightness, type CostBand } from '../../core/budget/budget.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import { listCosts } from '../objectives/objectives.js';
import { createBudgetSamplerGently, type BudgetSampler } from '../sampling/budget-sampler.js';
import { costRange } from '../sampling/cost-range.js';
import { objectivesOf, type StudyPlan } from '../study/plan.js';

/** A sampler and the band that it draws from. */
export interface OpenedBand {
  readonly sampler: BudgetSampler;
  readonly band: CostBand;
}

/** Into how many parts the range below a budget is cut if all of it is searched. */
export const RANGE_PARTS = 8;

/**
 * The candidates of a space: within every budget, and at most 0.5 % below the tightest one. If no architecture comes
 * that near, the band is widened downwards until it holds one; it stays empty only if the smallest architecture costs
 * too much. If an objective is a cost, all that the budgets allow are candidates, and each part of the tightest
 * budget's range is drawn equally often.
 *
 * @param breathe lets others run between stretches of work
 */
export async function openCandidates(
  plan: Pick<StudyPlan, 'budgets' | 'metric' | 'objectives'>,
  space: SearchSpace,
  breathe: () => Promise<void>,
): Promise<OpenedBand> {
  const [tightest, ...others] = sortByTightness(space.shape, plan.budgets);
  if (tightest === undefined) throw new RangeError('a study has at least one budget');
  const also = others.map((budget) => ({ ...candidateBand(space.shape, budget), least: 0 }));
  const { cost, most, least: unspent } = candidateBand(space.shape, tightest);
  const { least: cheapest } = costRange(space, cost);
  if (listCosts(objectivesOf(plan)).length > 0) {
    const band = { cost, least: Math.min(cheapest, most), most };
    return { band, sampler: await createBudgetSamplerGently({ space, band, also, parts: RANGE_PARTS }, breathe) };
  }
  let least = unspent;
  for (;;) {
    const band = { cost, least, most };
    const sampler = await createBudgetSamplerGently({ space, band, also }, breathe);
    if (!sampler.isEmpty || cheapest > most || !(least > cheapest)) return { sampler, band };
    least = Math.max(cheapest, most - 4 * Math.max(1, most - least));
  }
}
