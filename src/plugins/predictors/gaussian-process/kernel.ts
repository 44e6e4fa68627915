/**
 * Covariance of two points, whose rows hold D standardised rates, then D standardised squares:
 * smooth * exp(-1/2 sum_d ((x_d - y_d) / length_d)^2) + trend / (2 D) * (x . y), plus `noise` for a label with itself.
 */
export interface Kernel {
  /** One per dimension, in standard deviations of its rates. */
  readonly lengths: readonly number[];
  /** Variance of the smooth part. */
  readonly smooth: number;
  /** Variance of the linear part at a point that is one deviation away in every column. */
  readonly trend: number;
  /** Variance of a label's noise. */
  readonly noise: number;
}

/** Covariances of a point with each of the rows. */
export function covariances(kernel: Kernel, rows: readonly Float64Array[], point: Float64Array): Float64Array {
  const shared = new Float64Array(rows.length);
  rows.forEach((row, index) => {
    shared[index] = smoothPart(kernel, row, point) + kernel.trend * trendPart(row, point);
  });
  return shared;
}

/** Prior variance of the function at a point. */
export function selfCovariance({ smooth, trend }: Kernel, point: Float64Array): number {
  return smooth + trend * trendPart(point, point);
}

/** The kernel's first term. */
export function smoothPart({ lengths, smooth }: Kernel, a: Float64Array, b: Float64Array): number {
  let distance = 0;
  for (let d = 0; d < lengths.length; d++) {
    const step = ((a[d] as number) - (b[d] as number)) / (lengths[d] as number);
    distance += step * step;
  }
  return smooth * Math.exp(-0.5 * distance);
}

/** The kernel's second term for a trend of 1. */
export function trendPart(a: Float64Array, b: Float64Array): number {
  let product = 0;
  for (let d = 0; d < a.length; d++) product += (a[d] as number) * (b[d] as number);
  return product / Math.max(1, a.length);
}
