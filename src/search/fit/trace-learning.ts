import type { PairTable } from '../../core/pairs.js';
import type { FittedPredictor } from '../../core/ports/predictor.js';
import type { Rng } from '../../core/random.js';
import { splitHoldOut } from '../../core/statistics/splits.js';
import { measureQuality } from './fit-quality.js';
import { HELD_OUT_SHARE, selectPairs } from './judge-fit.js';

/** How well a predictor does that was fitted on this many pairs. */
export interface LearningPoint {
  readonly pairs: number;
  readonly kendallTau: number;
  readonly r2: number;
}

export interface LearningOptions<Fitted extends FittedPredictor> {
  readonly fit: (pairs: PairTable) => Promise<Fitted>;
  /** Called with each predictor after it has answered, to end its thread for example. */
  readonly release?: (fitted: Fitted) => void;
  /** The fewest pairs that can be fitted. */
  readonly least: number;
  readonly rng: Rng;
}

/** Each point has this many times the pairs of the one before. */
const STEP = 2;

/** Points of a curve, each of which takes a fit. */
export const MOST_POINTS = 4;

/**
 * The learning curve: fits on an eighth of 7 of 10 pairs (but on `least` or more), then on twice as many up to all of
 * them, each judged on the same 3 of 10.
 */
export async function traceLearning<Fitted extends FittedPredictor>(
  pairs: PairTable,
  { fit, release, least, rng }: LearningOptions<Fitted>,
): Promise<LearningPoint[]> {
  const split = splitHoldOut(pairs.targets.length, HELD_OUT_SHARE, rng.fork('split'));
  const shuffled = rng.fork('order').shuffle(split.fit);
  const held = selectPairs(pairs, split.holdOut);
  const points: LearningPoint[] = [];
  for (const count of listCounts(shuffled.length, least)) {
    const fitted = await fit(selectPairs(pairs, shuffled.slice(0, count)));
    try {
      const { mean } = await fitted.predict({ rates: held.rates, columns: pairs.dimensions.length });
      const { kendallTau, r2 } = measureQuality(held, mean, { split: 'holdout 7:3', fitted: count });
      points.push({ pairs: count, kendallTau, r2 });
    } finally {
      release?.(fitted);
    }
  }
  return points;
}

function listCounts(most: number, least: number): number[] {
  const counts = Array.from({ length: MOST_POINTS - 1 }, (_, back) => Math.floor(most / STEP ** (back + 1))).filter(
    (count) => count >= Math.max(2, least),
  );
  return [...counts.reverse(), most];
}
