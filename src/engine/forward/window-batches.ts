/** Windows of the same length that run together. */
export interface WindowBatch {
  /** Tokens of each window. */
  readonly length: number;
  /** Index of each window in the list that was batched. */
  readonly windows: readonly number[];
}

/**
 * Tokens that run together: more are not faster (measured on blocks of 64 to 576 hidden), and this many fit in the
 * caches.
 */
export const TOKENS_PER_RUN = 2048;

/**
 * Batches windows of the same length, in their order. Batches depend on the windows alone, so that a window always gets
 * the same batch, and so the same arithmetic, whatever else is evaluated.
 */
export function batchWindows(
  windows: readonly { readonly tokens: Int32Array }[],
  tokensPerRun = TOKENS_PER_RUN,
): WindowBatch[] {
  const byLength = new Map<number, number[]>();
  windows.forEach(({ tokens }, index) => {
    const others = byLength.get(tokens.length);
    if (others === undefined) byLength.set(tokens.length, [index]);
    else others.push(index);
  });
  return [...byLength].flatMap(([length, indices]) => {
    const together = Math.max(1, Math.floor(tokensPerRun / length));
    return Array.from({ length: Math.ceil(indices.length / together) }, (_, batch) => ({
      length,
      windows: indices.slice(batch * together, (batch + 1) * together),
    }));
  });
}
