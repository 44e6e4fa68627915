/** Shares are multiples of one of so many parts: 231 mixtures of three members, and finer says nothing at a hundred pairs. */
const PARTS = 20;

/**
 * The shares, together 1 and none negative, whose mixture of some predictions has the least squared error against the
 * targets; the first found of several.
 *
 * @param predictions one row a member, each as long as the targets
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

/** All ways to deal so many parts to so many members. */
function listShares(members: number, parts: number): number[][] {
  if (members <= 1) return [[parts]];
  return Array.from({ length: parts + 1 }, (_, first) => first).flatMap((first) =>
    listShares(members - 1, parts - first).map((rest) => [first, ...rest]),
  );
}
