import type { SearchProblem } from '../../../core/ports/strategy.js';
import type { Counts } from '../../../core/space/search-space.js';
import { nearestIndex } from './nearest-index.js';

/**
 * For each key-value count, a feasible point that has it everywhere, with the lowest common channel rate that the
 * budget allows: the control `uniform-best`, if the space allows its counts. If the grid is too coarse for one rate,
 * the channels differ by what a repair moves. Counts that meet the budget at no rate are left out.
 */
export function listLevelPoints(problem: SearchProblem): Counts[] {
  const levels = new Set(problem.space.dimensions.flatMap(({ kind, counts }) => (kind === 'kv_heads' ? counts : [])));
  return [...(levels.size === 0 ? [0] : levels)].flatMap((level) => {
    const point = findLevelPoint(problem, level) ?? repairLevelPoint(problem, level);
    return point === undefined ? [] : [point];
  });
}

/** Rates tried first: in steps finer than the half per cent of the budget that may stay unspent. */
const COARSE_STEPS = 512;

function findLevelPoint(problem: SearchProblem, level: number): Counts | undefined {
  const at = (rate: number): Counts => levelPoint(problem, level, rate);
  for (let step = 0; step <= COARSE_STEPS; step++) {
    if (!problem.sampler.isFeasible(at(step / COARSE_STEPS))) continue;
    // The lowest rate lies between this step and the previous one.
    const finest = Math.max(1, ...problem.space.dimensions.map(({ size }) => Math.ceil(size / COARSE_STEPS)));
    for (let part = 1; part <= finest; part++) {
      const counts = at((step - 1 + part / finest) / COARSE_STEPS);
      if (problem.sampler.isFeasible(counts)) return counts;
    }
  }
  return undefined;
}

/** Rates that are repaired to fit the budget if no level point does. */
const REPAIRED_STEPS = 8;

function repairLevelPoint({ sampler, rng, ...problem }: SearchProblem, level: number): Counts | undefined {
  const repaired = Array.from({ length: REPAIRED_STEPS + 1 }, (_, step) =>
    sampler.repair(levelPoint(problem, level, step / REPAIRED_STEPS), rng),
  ).filter((counts) => counts !== undefined);
  const strays = (counts: Counts): number =>
    problem.space.dimensions.filter(
      ({ kind, counts: allowed }, index) =>
        kind === 'kv_heads' && counts[index] !== allowed[nearestIndex(allowed, level)],
    ).length;
  return repaired.toSorted((a, b) => strays(a) - strays(b))[0];
}

function levelPoint({ space }: Pick<SearchProblem, 'space'>, level: number, rate: number): Counts {
  return space.dimensions.map(
    ({ kind, counts, size }) =>
      counts[nearestIndex(counts, kind === 'kv_heads' ? level : kind === 'ffn_channels' ? size * (1 - rate) : size)] ??
      size,
  );
}
