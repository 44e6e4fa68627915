import { determinant, inverse, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import gaussianProcess from '../../../src/plugins/predictors/gaussian-process.js';
import { factorise } from '../../../src/plugins/predictors/gaussian-process/factorise.js';
import { covariances, selfCovariance, type Kernel } from '../../../src/plugins/predictors/gaussian-process/kernel.js';
import { maximiseLikelihood } from '../../../src/plugins/predictors/gaussian-process/maximise-likelihood.js';
import { createScaling, scaleRows } from '../../../src/plugins/predictors/gaussian-process/scaling.js';

const pairs = drawPairs(40);
const batch = { rates: pairs.rates, columns: 3 };
const rows = scaleRows(batch, createScaling(batch));

describe('gaussian-process', () => {
  it('predicts the conditional mean and deviation of a joint normal distribution', async () => {
    // With no steps the kernel is the one that the search starts from.
    const fitted = await gaussianProcess.fit(pairs, { iterations: 0, likelihood_pairs: 200 }, 0);
    const kernel = {
      lengths: Array.from({ length: 3 }, () => Math.exp(Math.SQRT2) * Math.sqrt(3)),
      smooth: 0.5,
      trend: 0.5,
      noise: 0.1,
    };
    const { mean: average, scale, targets } = standardise(pairs.targets);
    const unseen = drawPairs(5, 2);
    const { mean, deviation } = await fitted.predict({ rates: unseen.rates, columns: 3 });
    const precision = inverse(labelCovariance(kernel));
    scaleRows({ rates: unseen.rates, columns: 3 }, createScaling(batch)).forEach((point, row) => {
      const shared = Matrix.rowVector(covariances(kernel, rows, point));
      const explained = shared.mmul(precision).mmul(shared.transpose()).get(0, 0);
      expect(mean[row]).toBeCloseTo(
        average + scale * shared.mmul(precision).mmul(Matrix.columnVector(targets)).get(0, 0),
        8,
      );
      expect(deviation?.[row]).toBeCloseTo(scale * Math.sqrt(selfCovariance(kernel, point) - explained), 8);
    });
  });

  it('is surer near its pairs than far from them', async () => {
    const fitted = await gaussianProcess.fit(pairs, gaussianProcess.options.parse({}), 0);
    const { deviation = new Float64Array() } = await fitted.predict({
      rates: Float32Array.of(...pairs.rates.slice(0, 3), 1, 1, 1),
      columns: 3,
    });
    expect(deviation[0]).toBeLessThan((deviation[1] ?? 0) / 3);
  });
});

describe('factorise', () => {
  const noiseless: Kernel = { lengths: [1], smooth: 1, trend: 0, noise: 0 };

  it('adds noise where equal rows leave a matrix that is not positive definite', () => {
    const point = Float64Array.of(0.5, 0.25);
    const { weights } = factorise(noiseless, [point, point, point], Float64Array.of(1, 2, 3));
    // The covariance of equal points is 1: what is predicted at them is the sum of the weights, near the mean of 2.
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(2, 3);
  });

  it('says what to do where no noise helps', () => {
    const rows = [Float64Array.of(0.5, 0.25), Float64Array.of(0.1, 0.01)];
    for (const kernel of [
      { ...noiseless, noise: -2 },
      { ...noiseless, smooth: Number.NaN },
    ]) {
      expect(() => factorise(kernel, rows, Float64Array.of(1, 2))).toThrow(
        expect.objectContaining({
          reason: 'PREDICTOR_FAILED',
          message: expect.stringMatching(/2 pairs .* take another predictor/) as string,
        }),
      );
    }
  });
});

describe('maximiseLikelihood', () => {
  it('finds its way back from parameters whose covariance is not positive definite', () => {
    // Rows so far out that the linear part drowns the noise in rounding.
    const far = Array.from({ length: 30 }, (_, row) => Float64Array.of(1e9 * (row % 3), 1e9 * (row % 2)));
    const { noise } = maximiseLikelihood(
      far,
      Float64Array.from(far, (_, row) => (row % 5) - 2),
      { columns: 1, iterations: 5 },
    );
    expect(noise).toBeGreaterThan(0);
  });

  it('ends where no parameter, a little more or less, is likelier', () => {
    const { targets } = standardise(pairs.targets);
    const found = toLogs(maximiseLikelihood(rows, targets, { columns: 3, iterations: 200 }));
    const start = toLogs(maximiseLikelihood(rows, targets, { columns: 3, iterations: 0 }));
    const posterior = (logs: readonly number[]): number =>
      logLikelihood(toKernel(logs), targets) -
      logs.reduce((sum, value, p) => sum + (value - (start[p] ?? 0)) ** 2 / 6, 0);
    expect(posterior(found)).toBeGreaterThan(posterior(start) + 5);
    found.forEach((_, p) => {
      // At the least noise that stays positive definite, only more is possible.
      for (const step of [0.2, -0.2]) {
        if ((found[p] ?? 0) + step < Math.log(1e-6)) continue;
        expect(posterior(found.map((value, place) => (place === p ? value + step : value)))).toBeLessThan(
          posterior(found) + 1e-3,
        );
      }
    });
  });
});

function logLikelihood(kernel: Kernel, targets: Float64Array): number {
  const covariance = labelCovariance(kernel);
  const column = Matrix.columnVector(targets);
  return (
    -0.5 * column.transpose().mmul(inverse(covariance)).mmul(column).get(0, 0) - 0.5 * Math.log(determinant(covariance))
  );
}

function labelCovariance(kernel: Kernel): Matrix {
  return Matrix.add(
    new Matrix(rows.map((row) => [...covariances(kernel, rows, row)])),
    Matrix.eye(rows.length).mul(kernel.noise),
  );
}

function toLogs({ lengths, smooth, trend, noise }: Kernel): number[] {
  return [...lengths, smooth, trend, noise].map(Math.log);
}

function toKernel(logs: readonly number[]): Kernel {
  const [smooth = 0, trend = 0, noise = 0] = logs.slice(3).map(Math.exp);
  return { lengths: logs.slice(0, 3).map(Math.exp), smooth, trend, noise };
}

function standardise(values: Float64Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const scale = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return { mean, scale, targets: values.map((value) => (value - mean) / scale) };
}

/** Labels that bend along one rate, rise along another, and do not heed the third. */
function drawPairs(count: number, seed = 1) {
  const rng = createRng(seed);
  const rates = Float32Array.from({ length: 3 * count }, () => 0.5 * rng.uniform());
  const targets = Float64Array.from({ length: count }, (_, row) => {
    const [a = 0, b = 0] = rates.subarray(3 * row);
    return 3 + Math.sin(8 * a) + 2 * b + 0.02 * (rng.uniform() - 0.5);
  });
  return { dimensions: ['a', 'b', 'c'], rates, targets };
}
