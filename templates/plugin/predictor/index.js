import { definePredictor, z } from 'prunecast/plugin';

/**
 * The mean of the labels of the nearest pairs, the nearer the more. Distances are Euclidean, each dimension weighted by
 * how strongly the labels go with it.
 */
export default definePredictor({
  id: 'my-plugin',
  summary: 'The weighted mean of the labels of the nearest pairs.',
  runsIn: 'worker',
  pairs: { least: 2, most: 20_000 },
  options: z.strictObject({
    neighbours: z.int().min(1).max(1000).default(10).describe('How many pairs are asked.'),
  }),
  fit: async ({ rates, targets, dimensions }, { neighbours }) => {
    const columns = dimensions.length;
    return createFitted({
      rates: [...rates],
      targets: [...targets],
      weights: dimensions.map((_, column) => Math.abs(correlate(rates, targets, column, columns))),
      neighbours,
    });
  },
  load: async (bytes) => createFitted(JSON.parse(new TextDecoder().decode(bytes))),
});

/**
 * @typedef {object} Model
 * @property {number[]} rates [pairs, columns], row-major
 * @property {number[]} targets
 * @property {number[]} weights One for each column.
 * @property {number} neighbours
 */

/**
 * @param {Model} model
 * @returns {import('prunecast/plugin').FittedPredictor}
 */
function createFitted(model) {
  const { rates, targets, weights, neighbours } = model;
  /** @param {Float32Array} row */
  const predictRow = (row) => {
    const nearest = targets
      .map((target, pair) => ({
        target,
        distance: weights.reduce(
          (sum, weight, column) => sum + weight * (row[column] - rates[pair * weights.length + column]) ** 2,
          0,
        ),
      }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, neighbours);
    // Of equal distance, equal weight; an equal pair does not silence the others.
    const reach = (nearest.at(-1)?.distance ?? 0) + 1e-9;
    const closeness = nearest.map(({ distance }) => 1 / (0.1 * reach + distance));
    const total = closeness.reduce((sum, value) => sum + value, 0);
    return nearest.reduce((sum, { target }, index) => sum + (closeness[index] / total) * target, 0);
  };
  return {
    predict: async ({ rates: asked, columns }) => ({
      mean: Float64Array.from({ length: asked.length / columns }, (_, row) =>
        predictRow(asked.subarray(row * columns, (row + 1) * columns)),
      ),
    }),
    save: () => new TextEncoder().encode(JSON.stringify(model)),
  };
}

/**
 * The correlation of a column with the labels; 0 if either never varies.
 *
 * @param {Float32Array} rates
 * @param {Float64Array} targets
 * @param {number} column
 * @param {number} columns
 */
function correlate(rates, targets, column, columns) {
  const values = Array.from(targets, (_, row) => rates[row * columns + column]);
  const [a, b] = [centre(values), centre([...targets])];
  const product = addUp(a.map((value, row) => value * b[row]));
  const norm = Math.sqrt(addUp(a.map((value) => value ** 2)) * addUp(b.map((value) => value ** 2)));
  return norm > 0 ? product / norm : 0;
}

/** @param {number[]} values */
function centre(values) {
  const mean = addUp(values) / values.length;
  return values.map((value) => value - mean);
}

/** @param {number[]} values */
function addUp(values) {
  return values.reduce((sum, value) => sum + value, 0);
}
