/**
 * Expected improvement of a normal prediction below the best value so far (Jones, Schonlau and Welch, "Efficient global
 * optimization of expensive black-box functions", 1998): (best - mean) Phi(z) + deviation phi(z) with z = (best - mean)
 * / deviation; without a deviation, how much the mean improves. Never negative; lower values are better.
 */
export function expectedImprovement(
  { mean, deviation }: { readonly mean: number; readonly deviation: number },
  best: number,
): number {
  const gain = best - mean;
  if (!(deviation > 0)) return Math.max(0, gain);
  const z = gain / deviation;
  return Math.max(0, gain * normalCumulative(z) + deviation * normalDensity(z));
}

/** Density of the standard normal distribution. */
export function normalDensity(z: number): number {
  return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
}

/** Chance that a standard normal variable is below z, to 7.5e-8 (Abramowitz and Stegun, 26.2.17). */
export function normalCumulative(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    normalDensity(z) * t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z >= 0 ? 1 - tail : tail;
}
