/** Sequences of the same length that run together. */
export interface SequenceBatch {
  /** Tokens of each sequence. */
  readonly length: number;
  /** Index of each sequence in the list that was batched. */
  readonly sequences: readonly number[];
}

/**
 * Tokens that run together: more are not faster (measured on blocks of 64 to 576 hidden), and this many fit in the
 * caches.
 */
export const TOKENS_PER_RUN = 2048;

/**
 * Batches sequences of the same length, in their order. Batches depend on the sequences alone, so that a sequence always gets
 * the same batch, and so the same arithmetic, whatever else is evaluated.
 */
export function batchSequences(
  sequences: readonly { readonly tokens: Int32Array }[],
  tokensPerRun = TOKENS_PER_RUN,
): SequenceBatch[] {
  const byLength = new Map<number, number[]>();
  sequences.forEach(({ tokens }, index) => {
    const others = byLength.get(tokens.length);
    if (others === undefined) byLength.set(tokens.length, [index]);
    else others.push(index);
  });
  return [...byLength].flatMap(([length, indices]) => {
    const together = Math.max(1, Math.floor(tokensPerRun / length));
    return Array.from({ length: Math.ceil(indices.length / together) }, (_, batch) => ({
      length,
      sequences: indices.slice(batch * together, (batch + 1) * together),
    }));
  });
}
