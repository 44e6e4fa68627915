import type { Budget } from '../../core/budget/budget.js';
import { measureCounts } from '../../core/budget/cost-model.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { distinctPoints, type Counts, type SearchSpace, createPointCheck } from '../../core/space/search-space.js';
import { createCostModel } from '../../core/budget/cost-spec.js';

/**
 * What a strategy proposed, without repetition and no more than it was asked for: points of the space that meet every budget.
 *
 * @param strategy its id
 * @throws PrunecastError PROPOSALS_INVALID for a point that is none of the space, or costs more than a budget
 */
export function checkProposals(
  strategy: string,
  proposed: readonly Counts[],
  {
    space,
    budgets,
    count,
  }: { readonly space: SearchSpace; readonly budgets: readonly Budget[]; readonly count: number },
): Counts[] {
  const points = distinctPoints(proposed).slice(0, count);
  const isPoint = createPointCheck(space);
  const costs = budgets.map(({ cost, limit }) => ({
    kind: cost.kind,
    limit,
    model: createCostModel(space.shape, cost),
  }));
  for (const counts of points) {
    if (!isPoint(counts))
      throw invalid(
        strategy,
        `[${counts.join(', ')}] is no point of the space: ${space.dimensions.length} counts that its dimensions allow are needed`,
      );
    for (const { kind, limit, model } of costs) {
      const cost = measureCounts(model, space, counts);
      if (cost > limit)
        throw invalid(
          strategy,
          `[${counts.join(', ')}] costs ${cost / model.perUnit} ${kind}, the budget allows ${limit / model.perUnit}`,
        );
    }
  }
  return points;
}

function invalid(strategy: string, fault: string): PrunecastError {
  return new PrunecastError(
    'PROPOSALS_INVALID',
    `the strategy ${strategy} proposed an architecture that may not be evaluated: ${fault}; a strategy proposes what sampler.isFeasible takes, name another one`,
    { metadata: { strategy } },
  );
}
