import type { ModelShape } from '../model/shape.js';
import { decodeCounts, denseCounts, type Counts, type SearchSpace } from '../space/search-space.js';
import { measureCost, measureCounts, type CostModel } from './cost-model.js';
import { createCostModel, type CostSpec } from './cost-spec.js';

/** The most that an architecture may cost. */
export interface Budget {
  readonly cost: CostSpec;
  /** Counted as the cost model counts: `perUnit` of these make one of the unit in which a caller gives the limit. */
  readonly limit: number;
}

/** A band of costs, both ends included. */
export interface CostBand {
  readonly cost: CostModel;
  readonly least: number;
  readonly most: number;
}

/** The share of a budget that a candidate may leave unspent. */
export const UNSPENT_SHARE = 0.005;

/** The band of candidates: within the budget, and at most `UNSPENT_SHARE` of it unspent. */
export function candidateBand(shape: ModelShape, { cost, limit }: Budget): CostBand {
  return { cost: createCostModel(shape, cost), least: Math.ceil(limit * (1 - UNSPENT_SHARE)), most: Math.floor(limit) };
}

/**
 * The band of pairs: what is removed differs from what the budget asks to be removed by at most `share` of it.
 *
 * @param share 0.1 by DESIGN section 2
 */
export function pairBand(space: SearchSpace, { cost, limit }: Budget, share: number): CostBand {
  const model = createCostModel(space.shape, cost);
  const dense = measureCounts(model, space, denseCounts(space));
  const removed = Math.max(0, dense - limit);
  return {
    cost: model,
    least: Math.ceil(dense - (1 + share) * removed),
    most: Math.floor(dense - (1 - share) * removed),
  };
}

/** Whether a point meets every budget. */
export function meetsBudgets(space: SearchSpace, counts: Counts, budgets: readonly Budget[]): boolean {
  const architecture = decodeCounts(space, counts);
  return budgets.every(({ cost, limit }) => measureCost(createCostModel(space.shape, cost), architecture) <= limit);
}

/** The budgets, the one that leaves the smallest share of the dense model's cost first. */
export function sortByTightness(shape: ModelShape, budgets: readonly Budget[]): Budget[] {
  const share = ({ cost, limit }: Budget): number => limit / measureCost(createCostModel(shape, cost), shape.layers);
  return [...budgets].sort((a, b) => share(a) - share(b));
}
