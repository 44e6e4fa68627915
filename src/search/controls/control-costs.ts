import type { Budget } from '../../core/budget/budget.js';
import { measureCost, type CostModel } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import type { Dimension, SearchSpace } from '../../core/space/search-space.js';

/**
 * What the dimensions that controls change cost: `kv_heads` and `ffn_channels`, while every kept group keeps all of its
 * query heads. No two of them share a half-block, so the cost of a point is `fixed` plus a sum over dimensions.
 */
export interface ControlCosts {
  /** All that no control changes. */
  readonly fixed: number;
  readonly limit: number;
  /** By dimension, then by kept count from 0 to all; empty for `query_heads_per_kv`. */
  readonly byCount: readonly Float64Array[];
}

/** One entry per budget. */
export function listControlCosts(space: SearchSpace, budgets: readonly Budget[]): ControlCosts[] {
  return budgets.map(({ cost, limit }) => {
    const model = createCostModel(space.shape, cost);
    const byCount = space.dimensions.map((dimension) => costDimension(space, model, dimension));
    const moved = byCount.reduce((sum, costs) => sum + (costs.at(-1) ?? 0), 0);
    return { limit, byCount, fixed: measureCost(model, space.shape.layers) - moved };
  });
}

function costDimension({ shape }: SearchSpace, model: CostModel, { kind, layers, size }: Dimension): Float64Array {
  if (kind === 'query_heads_per_kv') return new Float64Array();
  const costAt = (count: number, layer: number): number =>
    kind === 'ffn_channels'
      ? model.ffn(count, layer)
      : model.attention(count, count === 0 ? 0 : (shape.layers[layer]?.queryHeadsPerKv ?? 0), layer);
  return Float64Array.from({ length: size + 1 }, (_, count) =>
    layers.reduce((sum, layer) => sum + costAt(count, layer), 0),
  );
}
