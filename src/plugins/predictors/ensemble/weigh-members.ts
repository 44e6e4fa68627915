/**
 * Shares are multiples of 1 / PARTS: 231 mixtures of three members. With a hundred pairs, finer shares would mean
 * nothing.
 */
const PARTS = 20;

/**
 * The shares, not negative and adding up to 1, whose mixture of the predictions has the smallest squared error against
 * the targets; the first of equal ones.
 *
 * @param predictions one row per member, each as long as the targets
 */
export function weighMembers(predictions: readonly Float64Array[], targets: Float64Array): number[] {
  let best = { error: Number.POSITIVE_INFINITY, parts: [PARTS] };
  for (const parts of listShares(predictions.length, PARTS)) {
    let error = 0;
    for (let row = 0; row < targets.length; row++) {
      const mixed = predictions.reduce(
        (sum, predicted, member) => sum + ((parts[member] ?? 0) / PARTS) * (predicted[row] ?? Number.NaN),
        0,
      );
      error += (mixed - (targets[row] ?? Number.NaN)) ** 2;
    }
    if (error < best.error) best = { error, parts };
  }
  return predictions.map((_, member) => (best.parts[member] ?? 0) / PARTS);
}

/** All ways to give the parts to the members. */
function listShares(members: number, parts: number): number[][] {
  if (members <= 1) return [[parts]];
  return Array.from({ length: parts + 1 }, (_, first) => first).flatMap((first) =>
    listShares(members - 1, parts - first).map((rest) => [first, ...rest]),
  );
}
