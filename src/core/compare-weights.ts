/** Stored weights that are not what they should be. */
export interface WeightDifference {
  /** How many. */
  readonly count: number;
  /** The first of them. */
  readonly first: { readonly index: number; readonly stored: number; readonly expected: number };
}

/**
 * Finds stored weights that are further from what they should be than rounding to their type explains. This trusts no
 * encoder: a weight that was rounded well is within half a step of what it was, whoever rounded it.
 *
 * @param stored values, and for each the most by which rounding changed it
 * @param expected the weights before they were rounded to the stored type, in rows of `width`
 * @param leeway how far else they may be, as a share of the largest weight of their row
 */
export function compareWeights(
  { values, maxErrors }: { readonly values: Float32Array; readonly maxErrors: Float32Array },
  expected: Float32Array,
  { width, leeway }: { readonly width: number; readonly leeway: number },
): WeightDifference | undefined {
  let count = 0;
  let first: WeightDifference['first'] | undefined;
  for (let row = 0; row < expected.length; row += width) {
    const further = leeway === 0 ? 0 : leeway * findLargest(expected, row, row + width);
    for (let index = row; index < row + width; index += 1) {
      const [stored, wanted] = [values[index] as number, expected[index] as number];
      if (Math.abs(stored - wanted) <= (maxErrors[index] as number) + further) continue;
      count += 1;
      first ??= { index, stored, expected: wanted };
    }
  }
  return first && { count, first };
}

function findLargest(values: Float32Array, from: number, to: number): number {
  let largest = 0;
  for (let index = from; index < to; index += 1) largest = Math.max(largest, Math.abs(values[index] as number));
  return largest;
}
