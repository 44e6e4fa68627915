import { expectedImprovement } from '../../../core/statistics/expected-improvement.js';
import type { Counts } from '../../../core/space/search-space.js';

/** A candidate with its prediction. */
export interface BelievedCandidate {
  readonly counts: Counts;
  /** Its encoding. */
  readonly rates: Float32Array;
  readonly mean: number;
  /** 0 if the predictor gives none. */
  readonly deviation: number;
}

export interface BatchRequest {
  readonly count: number;
  /** The value to improve on; lower is better. */
  readonly target: number;
}

/** How many candidates are considered; in practice, none further down is ever chosen. */
const LOOKED_AT = 1_000;

/**
 * The Kriging believer: repeatedly chooses the candidate with the highest expected improvement and assumes that it will
 * be measured at its mean. The mean becomes the value to improve on if it is better, and lowers the deviation of
 * candidates nearby.
 *
 * The strategy does not see the predictor's covariance. Instead it uses the correlation exp(-d^2 / (2 h^2)) of two
 * encodings at distance d, with h half the typical distance of two candidates. A value at correlation r multiplies a
 * deviation by sqrt(1 - r^2).
 *
 * @param candidates those with the highest expected improvement first
 */
export function chooseBatch(
  candidates: readonly BelievedCandidate[],
  { count, target }: BatchRequest,
): BelievedCandidate[] {
  const pool = candidates
    .slice(0, Math.max(LOOKED_AT, count))
    .map((candidate) => ({ candidate, deviation: candidate.deviation }));
  const reach = 0.25 * typicalSquaredDistance(pool.map(({ candidate }) => candidate));
  const chosen: BelievedCandidate[] = [];
  let best = target;
  while (chosen.length < count && pool.length > 0) {
    let [place, most] = [0, Number.NEGATIVE_INFINITY];
    pool.forEach(({ candidate: { mean }, deviation }, index) => {
      const improvement = expectedImprovement({ mean, deviation }, best);
      const lead = improvement - most;
      if (lead > 0 || (lead === 0 && mean < (pool[place]?.candidate.mean ?? Number.POSITIVE_INFINITY)))
        [place, most] = [index, improvement];
    });
    const [taken] = pool.splice(place, 1);
    if (taken === undefined) break;
    chosen.push(taken.candidate);
    best = Math.min(best, taken.candidate.mean);
    for (const other of pool) {
      const squaredCorrelation = Math.exp(-squaredDistance(other.candidate.rates, taken.candidate.rates) / reach);
      other.deviation *= Math.sqrt(1 - squaredCorrelation);
    }
  }
  return chosen;
}

/** The mean squared distance of each candidate to the one half a list further; above 0. */
function typicalSquaredDistance(candidates: readonly BelievedCandidate[]): number {
  const half = Math.floor(candidates.length / 2);
  const distances = candidates
    .slice(0, half)
    .map(({ rates }, index) => squaredDistance(rates, candidates[index + half]?.rates ?? rates));
  return distances.reduce((sum, distance) => sum + distance, 0) / Math.max(1, half) || 1;
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, rate, index) => sum + (rate - (b[index] ?? 0)) ** 2, 0);
}
