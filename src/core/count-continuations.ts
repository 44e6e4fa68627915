import type { Sequence } from './sequence.js';

/**
 * Tokens that run to continue the sequences without spans, after the first run over each: the whole sequence runs again
 * for each further token. The first run is counted with those of the others.
 *
 * @param most tokens that a sequence is continued by
 * @param found what each was continued by: one that ended early ran once more for the token that says so. undefined: all
 * are continued by as many as they may be
 */
export function countContinuations(
  sequences: readonly Sequence[],
  most: number,
  found?: readonly ArrayLike<number>[],
): number {
  return sequences.reduce((sum, { tokens, spans }, place) => {
    if (spans.length > 0) return sum;
    const further = Math.min(most, (found?.[place]?.length ?? most) + 1) - 1;
    return sum + further * tokens.length + (further * (further + 1)) / 2;
  }, 0);
}
