/** Values minus their mean, divided by their deviation. */
export interface Standardised {
  readonly mean: number;
  /** The standard deviation; 1 if all values are equal. */
  readonly scale: number;
  readonly values: Float64Array;
}

/**
 * Values on their own scale, however large they are: no sum or square of them overflows. Throws RangeError for a value
 * that is not finite.
 */
export function standardise(values: Float64Array): Standardised {
  const unit = findUnit(values);
  const inUnits = values.map((value) => value / unit);
  const mean = inUnits.reduce((sum, value) => sum + value, 0) / values.length;
  const scale = Math.sqrt(inUnits.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) || 1;
  // Rounding may give a mean beyond the largest of very large numbers.
  const [least, most] = inUnits.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)] as const, [
    mean,
    mean,
  ] as readonly [number, number]);
  return {
    mean: unit * Math.min(most, Math.max(least, mean)),
    scale: unit * scale,
    values: inUnits.map((value) => (value - mean) / scale),
  };
}

/** Above the square root of the largest number a square is infinite; the rest of the margin is for sums. */
const LARGE = 1e150;
const UNIT = 2 ** 600;

/**
 * What to divide values by so that their squares, and sums of these, stay finite: 1 except for very large numbers, and
 * a power of two, so that nothing is lost. Throws RangeError for a value that is not finite.
 */
export function findUnit(values: Float64Array): number {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new RangeError(`value ${bad} is ${values[bad]}: finite numbers are needed`);
  return values.some((value) => Math.abs(value) > LARGE) ? UNIT : 1;
}
