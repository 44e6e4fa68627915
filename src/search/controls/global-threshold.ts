import type { Budget } from '../../core/budget/budget.js';
import { largestMultiple } from '../../core/space/count-rule.js';
import { standardiseScores } from '../../core/model/score-scope.js';
import type { Counts, SearchSpace } from '../../core/space/search-space.js';
import { listControlCosts } from './control-costs.js';

/** The scores of one layer's units, in any order; higher = keep. */
export interface LayerScores {
  readonly kv_heads: ArrayLike<number>;
  readonly ffn_channels: ArrayLike<number>;
}

/**
 * Control `global-threshold`, after FLAP (arXiv 2312.11983): scores are standardised by layer and kind (minus their
 * mean, divided by their deviation), then units are removed in the order of their scores, the lowest first, until all
 * budgets are met. Each layer keeps at least one unit of each kind. If the last unit removed more than needed, the best
 * removed units that still fit are put back. A kept group keeps all of its query heads. If the space asks for multiples,
 * units go in blocks of as many, the lowest of a layer together, by their mean score. Undefined if one unit or block of
 * each kind in every layer costs too much.
 *
 * Tied dimensions take the mean standardised score of the units of equal rank.
 */
export function findGlobalThreshold(
  space: SearchSpace,
  scores: readonly LayerScores[],
  budgets: readonly Budget[],
): Counts | undefined {
  const order = space.dimensions
    .flatMap((dimension, index) => {
      const { kind } = dimension;
      if (kind === 'query_heads_per_kv') return [];
      const layers = dimension.layers.map((layer) => standardiseScores(scores[layer]?.[kind] ?? []).sort());
      const ranked = Array.from(
        { length: dimension.size },
        (_, rank) => layers.reduce((sum, layer) => sum + (layer[rank] ?? 0), 0) / layers.length,
      );
      return listBlocks(ranked, dimension.rule.multipleOf).map((score, rank) => ({ dimension: index, rank, score }));
    })
    // Within a dimension the lower rank is removed first, so that with equal scores too a prefix of its order is
    // removed.
    .sort((a, b) => (a.score < b.score ? -1 : a.score > b.score ? 1 : a.dimension - b.dimension || a.rank - b.rank));
  const counts = space.dimensions.map(({ size, rule }) => largestMultiple(size, rule.multipleOf));
  const left = createRemainder(space, counts, budgets);
  let removed = 0;
  while (removed < order.length && !left.isMet()) left.move(order[removed++]?.dimension ?? 0, -1);
  if (!left.isMet()) return undefined;
  for (const unit of order.slice(0, removed).reverse()) {
    left.move(unit.dimension, 1);
    // A unit that does not fit stays removed; those removed after it in its dimension are back already.
    if (!left.isMet()) left.move(unit.dimension, -1);
  }
  return counts;
}

/** The mean scores of the blocks that may be removed of ascending scores: what is no whole block goes beforehand. */
function listBlocks(ranked: readonly number[], units: number): number[] {
  const over = ranked.length % units;
  return Array.from({ length: Math.max(0, Math.floor(ranked.length / units) - 1) }, (_, block) => {
    const from = over + block * units;
    return ranked.slice(from, from + units).reduce((sum, score) => sum + score, 0) / units;
  });
}

/** What `counts` leave of each budget, updated as one count changes at a time, by a unit or a block. */
function createRemainder(space: SearchSpace, counts: number[], budgets: readonly Budget[]) {
  const costs = listControlCosts(space, budgets);
  const left = costs.map(({ fixed, limit, byCount }) =>
    byCount.reduce((rest, dimension, index) => rest - (dimension[counts[index] ?? 0] ?? 0), limit - fixed),
  );
  return {
    isMet: (): boolean => left.every((rest) => rest >= 0),
    move: (dimension: number, blocks: 1 | -1): void => {
      const from = counts[dimension] ?? 0;
      const to = from + blocks * (space.dimensions[dimension]?.rule.multipleOf ?? 1);
      counts[dimension] = to;
      costs.forEach(({ byCount }, budget) => {
        const at = byCount[dimension];
        left[budget] = (left[budget] ?? 0) + (at?.[from] ?? 0) - (at?.[to] ?? 0);
      });
    },
  };
}
