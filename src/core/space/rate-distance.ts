/** Mean absolute difference of two rows of rates, from 0 to 1. */
export function rateDistance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, rate, index) => sum + Math.abs(rate - (b[index] ?? rate)), 0) / a.length;
}
