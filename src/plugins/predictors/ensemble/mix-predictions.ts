import type { Prediction } from '../../../core/ports/predictor.js';

export interface MixtureOptions {
  /** Shares of the members; they add up to 1. */
  readonly weights: readonly number[];
  /** For each member, its variance if it gives no deviation. */
  readonly variances: readonly number[];
}

/**
 * Mean and deviation, row by row, of the mixture of the members' normal distributions: within the members and between
 * them.
 */
export function mixPredictions(members: readonly Prediction[], { weights, variances }: MixtureOptions): Prediction {
  const rows = members[0]?.mean.length ?? 0;
  const mean = new Float64Array(rows);
  const deviation = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const means = members.map((member) => member.mean[row] ?? Number.NaN);
    const mixed = means.reduce((sum, value, member) => sum + (weights[member] ?? 0) * value, 0);
    const variance = members.reduce((sum, { deviation: own }, member) => {
      const within = own === undefined ? (variances[member] ?? 0) : (own[row] ?? 0) ** 2;
      return sum + (weights[member] ?? 0) * (within + ((means[member] ?? mixed) - mixed) ** 2);
    }, 0);
    mean[row] = mixed;
    deviation[row] = Math.sqrt(variance);
  }
  return { mean, deviation };
}
