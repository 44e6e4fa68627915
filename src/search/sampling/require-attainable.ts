import type { Budget } from '../../core/budget/budget.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import { requireSeparable } from './components.js';
import { costRange } from './cost-range.js';
import { createCostModel } from '../../core/budget/cost-spec.js';

/**
 * Refuses a budget below what the smallest architecture of the space costs; quick, before any work.
 *
 * @param field the path of the budgets in the request
 * @throws PrunecastError BUDGET_INFEASIBLE with `limit` and `nearest` in the metadata, SPACE_INVALID (see `requireSeparable`)
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
