import type { Budget } from '../../core/budget/budget.js';
import { createCostModel, measureCost, type CostSpec } from '../../core/budget/cost-model.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ModelShape } from '../../core/model/shape.js';
import { BudgetKind, type Budget as BudgetMessage } from '../../gen/prunecast/v1/common.js';

/**
 * Budgets of a request, each as a limit in its own unit.
 *
 * @param field the budgets' path in the request
 * @throws PrunecastError INVALID_REQUEST naming the field, NOT_IMPLEMENTED for measured latency
 */
export function decodeBudgets(shape: ModelShape, budgets: readonly BudgetMessage[], field = 'budgets'): Budget[] {
  if (budgets.length === 0) throw PrunecastError.ofField(field, 'is empty: give at least one budget, for example {"removedShare": 0.2}');
  return budgets.map((budget, index) => decodeBudget(shape, budget, `${field}[${index}]`));
}

/** The number of a kind of budget that a caller named. */
export function budgetKindOf(spec: CostSpec): BudgetKind {
  return KINDS[spec.kind];
}

const KINDS = {
  parameters: BudgetKind.PARAMETERS,
  weight_bytes: BudgetKind.WEIGHT_BYTES,
  kv_cache_bytes_per_token: BudgetKind.KV_CACHE_BYTES_PER_TOKEN,
  flops_per_token: BudgetKind.FLOPS_PER_TOKEN,
} as const satisfies Record<CostSpec['kind'], BudgetKind>;

function decodeBudget(shape: ModelShape, budget: BudgetMessage, field: string): Budget {
  const cost = decodeCostSpec(budget, field);
  const dense = measureCost(createCostModel(shape, cost), shape.layers);
  switch (budget.limit?.$case) {
    case 'atMost':
      if (!(budget.limit.value > 0)) throw PrunecastError.ofField(`${field}.at_most`, `is ${budget.limit.value}; a limit above 0 is needed`);
      return { cost, limit: Math.floor(budget.limit.value) };
    case 'removedShare':
      if (!(budget.limit.value > 0 && budget.limit.value < 1)) {
        throw PrunecastError.ofField(`${field}.removed_share`, `is ${budget.limit.value}; allowed is above 0 and below 1 (0.2 = 20 % fewer)`);
      }
      // Costs are integers; the tiny addend undoes the rounding error of 1 - share.
      return { cost, limit: Math.floor(dense * (1 - budget.limit.value) + 1e-9 * dense) };
    case undefined:
      throw PrunecastError.ofField(field, 'has no limit: give at_most or removed_share');
  }
}

function decodeCostSpec(budget: BudgetMessage, field: string): CostSpec {
  switch (budget.kind) {
    case BudgetKind.UNSPECIFIED:
    case BudgetKind.PARAMETERS:
      return { kind: 'parameters' };
    case BudgetKind.WEIGHT_BYTES:
      return { kind: 'weight_bytes', bytesPerParameter: budget.bytesPerNumber ?? 2 };
    case BudgetKind.KV_CACHE_BYTES_PER_TOKEN:
      return { kind: 'kv_cache_bytes_per_token', bytesPerValue: budget.bytesPerNumber ?? 2 };
    case BudgetKind.FLOPS_PER_TOKEN:
      return { kind: 'flops_per_token', context: budget.contextTokens ?? 0 };
    case BudgetKind.LATENCY_MS:
      throw new PrunecastError('NOT_IMPLEMENTED', `${field}.kind: measured latency is not a budget in this version`);
    default:
      throw PrunecastError.ofField(`${field}.kind`, 'names no kind of budget');
  }
}
