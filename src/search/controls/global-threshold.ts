import { createCostModel, measureCounts } from '../../core/budget/cost-model.js';
import { meetsBudgets, type Budget } from '../../core/budget/budget.js';
import type { Counts, SearchSpace } from '../../core/space/search-space.js';

/** The scores of one layer's units, in any order; higher = keep. */
export interface LayerScores {
  readonly kv_heads: ArrayLike<number>;
  readonly ffn_channels: ArrayLike<number>;
}

/**
 * Control `global-threshold`, after FLAP (arXiv 2312.11983): scores are standardised by layer and kind (minus their mean,
 * over their deviation), then units go in the order of their score, the lowest first, until all budgets are met; one of a
 * kind is kept in each layer. What the last unit overshot is given back to the best removed units that still fit.
 * Undefined where one unit of each kind in every layer costs too much.
 *
 * Tied dimensions take the mean standardised score of the units of equal rank.
 */
export function findGlobalThreshold(space: SearchSpace, scores: readonly LayerScores[], budgets: readonly Budget[]): Counts | undefined {
  const order = space.dimensions
    .flatMap((dimension, index) => {
      const { kind } = dimension;
      if (kind === 'query_heads_per_kv') return [];
      const layers = dimension.layers.map((layer) => standardise(scores[layer]?.[kind] ?? []));
      const ranked = Array.from({ length: dimension.size }, (_, rank) => layers.reduce((sum, layer) => sum + (layer[rank] ?? 0), 0) / layers.length);
      return ranked.slice(0, -1).map((score, rank) => ({ dimension: index, rank, score }));
    })
    // Within a dimension the lower rank goes first, so that equal scores keep the removal a prefix of its order.
    .sort((a, b) => a.score - b.score || a.dimension - b.dimension || a.rank - b.rank);
  const counts = space.dimensions.map(({ size }) => size);
  let removed = 0;
  const slack = createSlackCounter(space, budgets);
  while (removed < order.length && slack(counts) < 0) take(counts, order[removed++]?.dimension, -1);
  if (slack(counts) < 0) return undefined;
  for (const unit of order.slice(0, removed).reverse()) {
    take(counts, unit.dimension, 1);
    // A unit that does not fit stays out; those removed after it in its dimension are back already.
    if (!meetsBudgets(space, counts, budgets)) take(counts, unit.dimension, -1);
  }
  return counts;
}

/** Ascending standard scores; all 0 where the scores do not differ. */
function standardise(values: ArrayLike<number>): number[] {
  const scores = Array.from(values).sort((a, b) => a - b);
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length);
  return scores.map((score) => (deviation > 0 ? (score - mean) / deviation : 0));
}

/** How much of the tightest budget a point leaves; negative where one is not met. */
function createSlackCounter(space: SearchSpace, budgets: readonly Budget[]): (counts: Counts) => number {
  const limits = budgets.map(({ cost, limit }) => ({ model: createCostModel(space.shape, cost), limit }));
  return (counts) => Math.min(...limits.map(({ model, limit }) => limit - measureCounts(model, space, counts)));
}

function take(counts: number[], dimension: number | undefined, change: 1 | -1): void {
  if (dimension !== undefined) counts[dimension] = (counts[dimension] ?? 0) + change;
}
