/** How much of a layer goes where errors are compared. */
export const REMOVED_SHARES = [0.2, 0.5] as const;

/**
 * The calibration error that a share of the channels leaves when it is gone: the rise at the last of them, as scores of
 * `obs` are.
 */
export function readError(rises: Float32Array | Float64Array, share: number): number {
  const last = Math.max(0, Math.floor(share * rises.length) - 1);
  return Float64Array.from(rises).sort()[last] as number;
}
