import type { Budget } from '../../core/budget/budget.js';
import { measureCost } from '../../core/budget/cost-model.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { LatencyTable } from '../../core/budget/latency-table.js';
import { atField } from '../../core/errors/at-field.js';
import { BudgetKind, type Budget as BudgetMessage } from '../../gen/prunecast/v1/common.js';
import { createCostModel, type CostSpec } from '../../core/budget/cost-spec.js';
import { DEFAULT_CONTEXT_TOKENS, DEFAULT_KV_BYTES } from './defaults.js';
import type { BudgetedModel } from './services.js';

/**
 * The budgets of a request, each as a limit on the cost of a cost model. The first latency budget per model and length
 * measures latencies, which takes seconds.
 *
 * @param field the budgets' path in the request
 * @throws PrunecastError INVALID_REQUEST naming the field
 */
export async function decodeBudgets(
  model: BudgetedModel,
  budgets: readonly BudgetMessage[],
  field = 'budgets',
): Promise<Budget[]> {
  if (budgets.length === 0)
    throw PrunecastError.ofField(field, 'is empty: give at least one budget, for example {"removedShare": 0.2}');
  return Promise.all(budgets.map((budget, index) => decodeBudget(model, budget, `${field}[${index}]`)));
}

async function decodeBudget(model: BudgetedModel, budget: BudgetMessage, field: string): Promise<Budget> {
  if (budget.limit === undefined) throw PrunecastError.ofField(field, 'has no limit: give at_most or removed_share');
  const cost = await decodeCostSpec(model, budget, field);
  const counted = createCostModel(model.shape, cost);
  if (budget.limit.$case === 'atMost') return { cost, limit: Math.floor(budget.limit.value * counted.perUnit) };
  const dense = measureCost(counted, model.shape.layers);
  // Costs are integers; the tiny addend undoes the rounding error of 1 - share.
  return { cost, limit: Math.floor(dense * (1 - budget.limit.value) + 1e-9 * dense) };
}

async function decodeCostSpec(model: BudgetedModel, budget: BudgetMessage, field: string): Promise<CostSpec> {
  switch (budget.kind) {
    case BudgetKind.UNSPECIFIED:
    case BudgetKind.PARAMETERS:
      return { kind: 'parameters' };
    case BudgetKind.WEIGHT_BYTES:
      return {
        kind: 'weight_bytes',
        ...(budget.bytesPerNumber !== undefined && { bytesPerParameter: budget.bytesPerNumber }),
      };
    case BudgetKind.KV_CACHE_BYTES_PER_TOKEN:
      return { kind: 'kv_cache_bytes_per_token', bytesPerValue: budget.bytesPerNumber ?? DEFAULT_KV_BYTES };
    case BudgetKind.FLOPS_PER_TOKEN:
      return { kind: 'flops_per_token', context: budget.contextTokens ?? DEFAULT_CONTEXT_TOKENS };
    case BudgetKind.LATENCY_MS:
      return {
        kind: 'latency_ms',
        table: await timeShapes(model, budget.contextTokens ?? DEFAULT_CONTEXT_TOKENS, `${field}.context_tokens`),
      };
    default:
      throw PrunecastError.ofField(`${field}.kind`, 'names no kind of budget');
  }
}

/** Throws INVALID_REQUEST and MEMORY_EXCEEDED naming the field. */
async function timeShapes(model: BudgetedModel, context: number, field: string): Promise<LatencyTable> {
  if (context > model.maxPositions)
    throw PrunecastError.ofField(
      field,
      `is ${context}; the model was made for ${model.maxPositions} positions (max_position_embeddings), and no token has more before it`,
    );
  try {
    return await model.timeShapes(context);
  } catch (error) {
    throw atField(error, field);
  }
}
