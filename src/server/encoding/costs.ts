import type { Budget } from '../../core/budget/budget.js';
import { measureCost } from '../../core/budget/cost-model.js';
import { createCostModel, type CostSpec } from '../../core/budget/cost-spec.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { Dimension, SearchSpace } from '../../core/space/search-space.js';
import { BudgetKind, type Cost, type Dimension as DimensionMessage } from '../../gen/prunecast/v1/common.js';
import type { FeasibleRange } from '../../gen/prunecast/v1/pruning.js';
import { costRange } from '../../search/sampling/cost-range.js';
import { BUDGET_CODES, KIND_CODES } from '../requests/codes.js';

export function encodeDimension({ name, kind, layers, size, counts }: Dimension): DimensionMessage {
  return {
    name,
    kind: KIND_CODES[kind],
    layers: [...layers],
    size,
    minCount: counts[0] ?? size,
    maxCount: counts.at(-1) ?? size,
    choices: counts.length,
  };
}

/**
 * The costs in every answer: parameters, bytes of the weights as written, KV-cache bytes per token at two bytes per
 * number, FLOPs per token; and the table's latency for each budget that limits it.
 *
 * @param exported the sizes of what is written: it may have more biases, numbers of another width, or zeros for what is
 * dropped. Latency is that of the architecture itself
 */
export function encodeCosts(
  shape: ModelShape,
  architecture: Architecture,
  budgets: readonly Budget[] = [],
  exported: ModelShape = { ...shape, layers: architecture },
): Cost[] {
  const latencies = budgets.flatMap(({ cost }) =>
    cost.kind === 'latency_ms' ? [[BudgetKind.LATENCY_MS, cost] as const] : [],
  );
  return [...STATED_COSTS, ...latencies].map(([kind, spec]) => {
    const [model, dense] = [createCostModel(exported, spec), createCostModel(shape, spec)];
    return {
      kind,
      value: measureCost(model, kind === BudgetKind.LATENCY_MS ? architecture : exported.layers) / model.perUnit,
      denseValue: measureCost(dense, shape.layers) / dense.perUnit,
      measured: undefined,
    };
  });
}

const STATED_COSTS = [
  [BudgetKind.PARAMETERS, { kind: 'parameters' }],
  [BudgetKind.WEIGHT_BYTES, { kind: 'weight_bytes' }],
  [BudgetKind.KV_CACHE_BYTES_PER_TOKEN, { kind: 'kv_cache_bytes_per_token', bytesPerValue: 2 }],
  [BudgetKind.FLOPS_PER_TOKEN, { kind: 'flops_per_token', context: 0 }],
] as const satisfies readonly (readonly [BudgetKind, CostSpec])[];

/** The lowest and the highest value of each budgeted cost among the architectures of a space, in the budget's unit. */
export function encodeFeasible(space: SearchSpace, budgets: readonly Budget[]): FeasibleRange[] {
  return budgets.map(({ cost }) => {
    const model = createCostModel(space.shape, cost);
    const { least, most } = costRange(space, model);
    return { kind: BUDGET_CODES[cost.kind], least: least / model.perUnit, most: most / model.perUnit };
  });
}
