/** At most `most` of the values, evenly spread, in their order. */
export function selectEvenly<Value>(values: readonly Value[], most: number): Value[] {
  if (values.length <= most) return [...values];
  return Array.from({ length: most }, (_, place) => values[Math.floor((place * values.length) / most)] as Value);
}
