/**
 * The quantile of some values by linear interpolation between order statistics (Hyndman and Fan's type 7, numpy's
 * default); NaN without values.
 *
 * @param share 0 to 1; 0.5 is the median
 */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}
