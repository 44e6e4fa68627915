import type { Budget } from '../../core/budget/budget.js';
import type { Architecture } from '../../core/model/shape.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { LanguageModel, RankedRecipe } from '../../engine/language-model.js';
import { BudgetKind, type Cost } from '../../gen/prunecast/v1/common.js';
import { encodeCosts } from '../encoding/costs.js';

/**
 * The costs of an architecture, with its measured latency beside the table's for each budget that limits latency.
 * Without such a budget nothing is run.
 */
export async function measureLatency(
  language: LanguageModel,
  {
    recipe,
    architecture,
    budgets,
    stated,
  }: {
    readonly recipe: RankedRecipe;
    readonly architecture: Architecture;
    readonly budgets: readonly Budget[];
    readonly stated: readonly Cost[];
  },
  work: WorkContext,
): Promise<Cost[]> {
  const tables = budgets.flatMap(({ cost }) => (cost.kind === 'latency_ms' ? [cost.table] : []));
  const latencies = encodeCosts(language.shape, architecture, budgets).filter(
    ({ kind }) => kind === BudgetKind.LATENCY_MS,
  );
  const measured: Cost[] = [];
  for (const [index, cost] of latencies.entries()) {
    measured.push({
      ...cost,
      measured: await language.timeArchitecture(recipe, architecture, tables[index]?.context ?? 0, work),
    });
  }
  return [...stated.filter(({ kind }) => kind !== BudgetKind.LATENCY_MS), ...measured];
}
