import type { BatchSize, InputProducts } from '../forward/block-runner.js';
import type { StatePool } from '../forward/hidden-states.js';
import { INPUT_PARTS, isKept, readMap, type KeptHalf } from '../weights/map-parts.js';
import type { TrainedHalf } from './trained-halves.js';

/**
 * The half-blocks whose products with their input maps a step keeps for its backward pass, as many of the last as fit;
 * for the others they are computed again, with the same result.
 *
 * @param tokens of the step
 */
export function chooseKept(
  halves: readonly TrainedHalf[],
  tokens: number,
  mostBytes: number,
): ReadonlySet<TrainedHalf> {
  const chosen = new Set<TrainedHalf>();
  let bytes = 0;
  for (const trained of halves.toReversed()) {
    if (!isKept(trained.half)) continue;
    bytes += countProductBytes(trained.half, tokens);
    if (bytes > mostBytes) break;
    chosen.add(trained);
  }
  return chosen;
}

/** Arrays for the products of a batch. */
export function takeProducts(pool: StatePool, half: KeptHalf, { count, length }: BatchSize): InputProducts {
  return Object.fromEntries(
    INPUT_PARTS[half.kind].map((part) => [part, pool.take(count * length * countRows(half, part))]),
  );
}

export function giveProducts(pool: StatePool, products: InputProducts | undefined): void {
  Object.values(products ?? {}).forEach((values) => pool.give(values));
}

function countProductBytes(half: KeptHalf, tokens: number): number {
  return INPUT_PARTS[half.kind].reduce((sum, part) => sum + 4 * tokens * countRows(half, part), 0);
}

function countRows(half: KeptHalf, part: Parameters<typeof readMap>[1]): number {
  return readMap(half, part).length / half.weights.norm.length;
}
