import type { Budget } from '../../core/budget/budget.js';
import type { Architecture } from '../../core/model/shape.js';
import type { WorkControl } from '../../core/ports/progress.js';
import type { LanguageModel, SubjectRecipe } from '../../engine/language-model.js';
import type { Cost } from '../../gen/prunecast/v1/common.js';
import { encodeCosts } from '../encoding/space.js';

/** The costs of an architecture, its latency under each budget that limits it really measured beside the table's; without such a budget nothing is run. */
export async function measureLatency(
  language: LanguageModel,
  { recipe, architecture, budgets }: { readonly recipe: SubjectRecipe; readonly architecture: Architecture; readonly budgets: readonly Budget[] },
  control: WorkControl,
): Promise<Cost[]> {
  const costs = encodeCosts(language.shape, architecture, budgets);
  const latencies = budgets.flatMap(({ cost }) => (cost.kind === 'latency_ms' ? [cost.table] : []));
  const stated = costs.slice(0, costs.length - latencies.length);
  const measured: Cost[] = [];
  for (const [index, { context }] of latencies.entries()) {
    const cost = costs[stated.length + index] as Cost;
    measured.push({ ...cost, measured: await language.timeArchitecture(recipe, architecture, context, control) });
  }
  return [...stated, ...measured];
}
