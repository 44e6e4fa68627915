import type { Budget } from '../../../core/budget/budget.js';
import { measureCounts } from '../../../core/budget/cost-model.js';
import { createCostModel } from '../../../core/budget/cost-spec.js';
import type { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { pluginInvalid } from '../../../core/ports/plugin-errors.js';
import {
  distinctPoints,
  createPointCheck,
  rateDistance,
  toRates,
  type Counts,
  type SearchSpace,
} from '../../../core/space/search-space.js';

/**
 * What a strategy proposed, each point once, and no more points than it was asked for. All lie in the space and meet
 * every budget.
 *
 * @param strategy its id
 * @throws PrunecastError PLUGIN_INVALID for a point outside the space, or one that costs more than a budget allows
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
        `[${counts.join(', ')}] is not a point of the space, which has ${space.dimensions.length} counts that its dimensions allow`,
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
  return pluginInvalid(
    { kind: 'strategy', id: strategy, method: 'best' },
    `proposed an architecture that may not be evaluated: ${fault}; a strategy proposes only what sampler.isFeasible accepts`,
  );
}

/**
 * The first `count` of ranked points that are not near copies: each differs from those chosen before it by at least
 * `LEAST_DISTANCE`. If too few do, the others follow in their order. A predictor that is wrong about one point is wrong
 * about its near copies too, and each costs an evaluation.
 *
 * @param best gives this many of the best points, best first; asked for more and more until enough differ or no more
 * come
 */
export async function spreadOut(
  space: SearchSpace,
  best: (count: number) => Promise<readonly Counts[]>,
  count: number,
): Promise<Counts[]> {
  let known = -1;
  for (let asked = 8 * count; ; asked *= 4) {
    const ranked = await best(asked);
    const apart = takeApart(space, ranked, count);
    const isAll = ranked.length < asked || ranked.length === known;
    known = ranked.length;
    if (apart.size === count || isAll)
      return [...apart, ...ranked.filter((counts) => !apart.has(counts))].slice(0, count);
  }
}

function takeApart(space: SearchSpace, ranked: readonly Counts[], count: number): Set<Counts> {
  const chosen = new Map<Counts, Float32Array>();
  for (const counts of ranked) {
    if (chosen.size === count) break;
    const rates = toRates(space, counts);
    if ([...chosen.values()].every((other) => rateDistance(other, rates) >= LEAST_DISTANCE)) chosen.set(counts, rates);
  }
  return new Set(chosen.keys());
}

/** Mean absolute difference of rates. */
const LEAST_DISTANCE = 0.02;
