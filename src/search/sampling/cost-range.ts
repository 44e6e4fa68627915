import type { Budget } from '../../core/budget/budget.js';
import { measureCounts, type CostModel } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import { requireSeparable } from './components.js';

/**
 * The least and the most that a point of a space costs: the range of budgets that make sense. Costs never fall as a
 * count rises.
 */
export function costRange(space: SearchSpace, cost: CostModel): { readonly least: number; readonly most: number } {
  const at = (end: 0 | -1): number =>
    measureCounts(
      cost,
      space,
      space.dimensions.map(({ counts, size }) => counts.at(end) ?? size),
    );
  return { least: at(0), most: at(-1) };
}

/**
 * Refuses a budget below what the smallest architecture of the space costs. Fast, so that it can come before any work.
 *
 * @param field the path of the budgets in the request
 * @throws PrunecastError BUDGET_INFEASIBLE with `limit` and `nearest` in the metadata, SPACE_INVALID (see
 * `requireSeparable`)
 */
export function requireAttainable(space: SearchSpace, budgets: readonly Budget[], field = 'budgets'): void {
  requireSeparable(space);
  budgets.forEach(({ cost, limit }, index) => {
    const model = createCostModel(space.shape, cost);
    const { least } = costRange(space, model);
    if (least <= limit) return;
    const [allowed, nearest] = [limit / model.perUnit, least / model.perUnit];
    throw new PrunecastError(
      'BUDGET_INFEASIBLE',
      `the budget allows ${allowed} ${cost.kind}, the smallest architecture of the search space has ${nearest}: raise the budget or allow higher rates`,
      {
        metadata: { budget: cost.kind, limit: String(allowed), nearest: String(nearest) },
        violations: [
          {
            field: `${field}[${index}]`,
            description: `allows ${allowed} ${cost.kind}; the nearest that can be met is ${nearest}`,
          },
        ],
      },
    );
  });
}
