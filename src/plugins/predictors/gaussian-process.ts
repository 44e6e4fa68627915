import { z } from 'zod';
import { countRows, type EncodingBatch } from '../../core/pairs.js';
import type { FittedPredictor } from '../../core/ports/predictor.js';
import { standardise } from '../../core/statistics/standardise.js';
import { definePredictor } from '../define.js';
import { covariances, selfCovariance, type Kernel } from './gaussian-process/kernel.js';
import { maximiseLikelihood } from './gaussian-process/maximise-likelihood.js';
import { createScaling, scaleRows, type Scaling } from './gaussian-process/scaling.js';
import { factorise } from './gaussian-process/factorise.js';

const options = z.strictObject({
  iterations: z
    .int()
    .min(0)
    .max(1_000)
    .default(40)
    .describe('Steps of the search for length scales and noise; 0 keeps the starting values.'),
  likelihood_pairs: z
    .int()
    .min(10)
    .max(1_000)
    .default(200)
    .describe('Most pairs used to choose length scales and noise, evenly spread; predictions use all pairs.'),
});

/**
 * Gaussian process regression (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1)
 * with a length scale per dimension. A linear part on rates and their squares carries the trend, also beyond the
 * sampled rates; the smooth part carries interactions. Deviations are those of the function, without the labels' noise.
 *
 * All parameters maximise the log marginal likelihood plus a weak prior on the length scales.
 */
export default definePredictor({
  id: 'gaussian-process',
  summary: 'Gaussian process on a quadratic trend, with a length scale per dimension and its own standard deviation.',
  options,
  runsIn: 'worker',
  pairs: { least: 3, most: 1_000 },
  quick: { iterations: 20, likelihood_pairs: 120 },
  fit: async (pairs, { iterations, likelihood_pairs }) => {
    const columns = pairs.dimensions.length;
    const { mean, scale, values: targets } = standardise(pairs.targets);
    const scaling = createScaling({ rates: pairs.rates, columns });
    const rows = scaleRows({ rates: pairs.rates, columns }, scaling);
    const chosen = spreadEvenly(rows.length, likelihood_pairs);
    const kernel = maximiseLikelihood(
      chosen.map((row) => rows[row] as Float64Array),
      Float64Array.from(chosen, (row) => targets[row] as number),
      { columns, iterations },
    );
    return restore({ mean, scale, scaling, kernel, rates: [...pairs.rates], targets: [...targets] });
  },
  load: async (bytes) => restore(JSON.parse(new TextDecoder().decode(bytes)) as Model),
});

/** Plain values: JSON keeps every number exactly. Everything else is computed again from them, with the same result. */
interface Model {
  readonly mean: number;
  readonly scale: number;
  readonly scaling: Scaling;
  readonly kernel: Kernel;
  readonly rates: readonly number[];
  /** Standardised. */
  readonly targets: readonly number[];
}

function restore(model: Model): FittedPredictor {
  const { kernel, scaling } = model;
  const columns = scaling.means.length;
  const rows = scaleRows({ rates: Float32Array.from(model.rates), columns }, scaling);
  const { factor, weights } = factorise(kernel, rows, Float64Array.from(model.targets));
  return {
    predict: (batch: EncodingBatch) => {
      const count = countRows(batch);
      const mean = new Float64Array(count);
      const deviation = new Float64Array(count);
      scaleRows(batch, scaling).forEach((point, row) => {
        const shared = covariances(kernel, rows, point);
        mean[row] =
          model.mean + model.scale * shared.reduce((sum, value, index) => sum + value * (weights[index] as number), 0);
        deviation[row] =
          model.scale * Math.sqrt(Math.max(0, selfCovariance(kernel, point) - explainedVariance(factor, shared)));
      });
      return Promise.resolve({ mean, deviation });
    },
    save: () => new TextEncoder().encode(JSON.stringify(model)),
  };
}

/** ||L^-1 k||^2 by forward substitution. */
function explainedVariance(factor: readonly Float64Array[], shared: Float64Array): number {
  const solved = new Float64Array(shared.length);
  let explained = 0;
  for (let i = 0; i < shared.length; i++) {
    const line = factor[i] as Float64Array;
    let rest = shared[i] as number;
    for (let k = 0; k < i; k++) rest -= (line[k] as number) * (solved[k] as number);
    const value = rest / (line[i] as number);
    solved[i] = value;
    explained += value * value;
  }
  return explained;
}

function spreadEvenly(rows: number, most: number): number[] {
  const count = Math.min(rows, most);
  return Array.from({ length: count }, (_, place) => Math.floor((place * rows) / count));
}
