import { toRates, type Counts, type SearchSpace, rateDistance } from '../../core/space/search-space.js';

/**
 * The first `count` of ranked points that are not near copies: each differs from those chosen before it by at least
 * `LEAST_DISTANCE`; where too few do, the others follow in their order. A predictor that is wrong about one point is wrong
 * about its copies too, and each costs an evaluation.
 *
 * @param best the best so many points, best first; asked for more and more until enough differ or no more come
 */
export function spreadOut(space: SearchSpace, best: (count: number) => readonly Counts[], count: number): Counts[] {
  let known = -1;
  for (let asked = 8 * count; ; asked *= 4) {
    const ranked = best(asked);
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
