/** At most `most` of the values, evenly spread, in their order; the first and the last among them if two may be. */
export function selectEvenly<Value>(values: readonly Value[], most: number): Value[] {
  if (values.length <= most) return [...values];
  const step = (values.length - 1) / Math.max(1, most - 1);
  return Array.from({ length: most }, (_, place) => values[Math.round(place * step)] as Value);
}
