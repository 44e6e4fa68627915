import { choleskyFactor, choleskySolve } from './cholesky.js';
import { smoothPart, trendPart, type Kernel } from './kernel.js';

export interface LikelihoodSearch {
  /** Dimensions: half the length of a row. */
  readonly columns: number;
  /** Most steps. */
  readonly iterations: number;
}

/**
 * The kernel with the highest log marginal likelihood found within the given steps, with a log-normal prior on the
 * length scales (Hvarfner, Hellsten and Nardi, "Vanilla Bayesian optimization performs great in high dimensions", arXiv
 * 2402.02229).
 *
 * The steps follow the sign of the gradient. Each parameter has its own step size, which grows while the sign stays and
 * shrinks when it changes (iRprop-: Igel and Huesken, "Improving the Rprop learning algorithm", 2000). Returns the best
 * kernel seen.
 *
 * @param targets standardised
 */
export function maximiseLikelihood(
  rows: readonly Float64Array[],
  targets: Float64Array,
  { columns, iterations }: LikelihoodSearch,
): Kernel {
  const start = startLog(columns);
  const trends = lowerTriangle(rows, trendPart);
  /** Value and gradient at the logarithms of lengths, smooth, trend and noise. */
  const judge = (logs: Float64Array): { value: number; gradient: Float64Array } => {
    const kernel = toKernel(logs, columns);
    const smooths = lowerTriangle(rows, (a, b) => smoothPart(kernel, a, b));
    const covariance = smooths.map((line, i) => {
      const sums = new Float64Array(rows.length);
      const trend = trends[i] as Float64Array;
      for (let j = 0; j <= i; j++)
        sums[j] = (line[j] as number) + kernel.trend * (trend[j] as number) + (i === j ? kernel.noise : 0);
      return sums;
    });
    const factor = choleskyFactor(covariance);
    if (factor === undefined) return { value: Number.NEGATIVE_INFINITY, gradient: moreNoise(columns) };
    const inverse = invertSquare(factor);
    const weights = choleskySolve(factor, targets);
    const logDeterminant = factor.reduce((sum, line, i) => sum + 2 * Math.log(line[i] as number), 0);
    const fit = weights.reduce((sum, weight, i) => sum + weight * (targets[i] ?? 0), 0);
    const gradient = new Float64Array(logs.length);
    for (let i = 0; i < rows.length; i++) {
      const [a, line] = [rows[i] as Float64Array, inverse[i] as Float64Array];
      for (let j = 0; j <= i; j++) {
        // 1/2 tr((w w^T - K^-1) dK): the other triangle is equal.
        const share = (i === j ? 0.5 : 1) * ((weights[i] as number) * (weights[j] as number) - (line[j] as number));
        const smooth = share * ((smooths[i] as Float64Array)[j] as number);
        const b = rows[j] as Float64Array;
        for (let d = 0; d < columns; d++) {
          const step = ((a[d] as number) - (b[d] as number)) / (kernel.lengths[d] as number);
          gradient[d] = (gradient[d] as number) + smooth * step * step;
        }
        gradient[columns] = (gradient[columns] as number) + smooth;
        gradient[columns + 1] =
          (gradient[columns + 1] as number) + share * kernel.trend * ((trends[i] as Float64Array)[j] as number);
        if (i === j) gradient[columns + 2] = (gradient[columns + 2] as number) + share * kernel.noise;
      }
    }
    let prior = 0;
    for (let p = 0; p < logs.length; p++) {
      const off = ((logs[p] as number) - (start[p] as number)) / PRIOR_DEVIATION;
      prior -= 0.5 * off * off;
      gradient[p] = (gradient[p] as number) - off / PRIOR_DEVIATION;
    }
    return { value: prior - 0.5 * (fit + logDeterminant), gradient };
  };
  return toKernel(climb(start, judge, iterations), columns);
}

/** Rows of the lower triangle of a symmetric function of two rows, in a square. */
function lowerTriangle(
  rows: readonly Float64Array[],
  measure: (a: Float64Array, b: Float64Array) => number,
): Float64Array[] {
  return rows.map((a, i) => {
    const line = new Float64Array(rows.length);
    for (let j = 0; j <= i; j++) line[j] = measure(a, rows[j] as Float64Array);
    return line;
  });
}

/** If rounding leaves a covariance that is not positive definite, more noise leads back. */
function moreNoise(columns: number): Float64Array {
  const gradient = new Float64Array(columns + 3);
  gradient[columns + 2] = 1;
  return gradient;
}

/**
 * Prior deviations of the logarithms of all parameters: wide, but enough to keep a parameter where it started if the
 * pairs do not determine it.
 */
const PRIOR_DEVIATION = Math.sqrt(3);

/**
 * Below this share of the targets' variance, the covariance of equal rows is no longer positive definite in float64.
 */
const LEAST_LOG = Math.log(1e-6);

/** Long length scales, longer with more dimensions; half of the variance is trend, half smooth, and a tenth noise. */
function startLog(columns: number): Float64Array {
  const logs = new Float64Array(columns + 3).fill(Math.SQRT2 + 0.5 * Math.log(Math.max(1, columns)));
  logs.set([Math.log(0.5), Math.log(0.5), Math.log(0.1)], columns);
  return logs;
}

function toKernel(logs: Float64Array, columns: number): Kernel {
  return {
    lengths: [...logs.subarray(0, columns)].map(Math.exp),
    smooth: Math.exp(logs[columns] as number),
    trend: Math.exp(logs[columns + 1] as number),
    noise: Math.exp(logs[columns + 2] as number),
  };
}

/** The lower triangle of (L L^T)^-1 = L^-T L^-1 from L's rows. */
function invertSquare(factor: readonly Float64Array[]): Float64Array[] {
  const size = factor.length;
  /** Rows of L^-1. */
  const inverse: Float64Array[] = [];
  factor.forEach((line, i) => {
    const row = new Float64Array(size);
    row[i] = 1;
    for (let k = 0; k < i; k++) {
      const share = line[k] as number;
      const above = inverse[k] as Float64Array;
      for (let j = 0; j <= k; j++) row[j] = (row[j] as number) - share * (above[j] as number);
    }
    for (let j = 0; j <= i; j++) row[j] = (row[j] as number) / (line[i] as number);
    inverse.push(row);
  });
  const square = inverse.map(() => new Float64Array(size));
  for (const row of inverse) {
    for (let i = 0; i < size; i++) {
      const share = row[i] as number;
      if (share === 0) continue;
      const sums = square[i] as Float64Array;
      for (let j = 0; j <= i; j++) sums[j] = (sums[j] as number) + share * (row[j] as number);
    }
  }
  return square;
}

function climb(
  start: Float64Array,
  judge: (logs: Float64Array) => { value: number; gradient: Float64Array },
  iterations: number,
): Float64Array {
  const steps = new Float64Array(start.length).fill(0.2);
  const now = Float64Array.from(start);
  let before: Float64Array = new Float64Array(start.length);
  let best = { value: Number.NEGATIVE_INFINITY, logs: start };
  for (let iteration = 0; iteration < iterations; iteration++) {
    const { value, gradient } = judge(now);
    if (value > best.value) best = { value, logs: Float64Array.from(now) };
    for (let p = 0; p < now.length; p++) {
      const turn = (gradient[p] as number) * (before[p] as number);
      if (turn < 0) gradient[p] = 0;
      steps[p] = Math.min(1, Math.max(1e-3, (steps[p] as number) * (turn > 0 ? 1.2 : turn < 0 ? 0.5 : 1)));
      now[p] = Math.min(
        8,
        Math.max(LEAST_LOG, (now[p] as number) + Math.sign(gradient[p] as number) * (steps[p] as number)),
      );
    }
    before = gradient;
  }
  return best.logs;
}
