import { defineCriterion, z } from 'prunecast/plugin';

/**
 * How much a unit adds to the residual stream: the norm of its output weights, times the root mean square of what goes
 * into them. Higher = keep.
 */
export default defineCriterion({
  id: 'my-plugin',
  summary: 'The norm of the output weights of each unit, times the strength of their inputs.',
  needs: ['weights', 'activations'],
  options: z.strictObject({
    power: z.number().min(0).max(4).default(1).describe('How much the strength of the inputs counts.'),
  }),
  score: ({ units }, { power }) =>
    Float32Array.from(units, ({ columns }) =>
      columns.reduce((sum, { weights, meanSquare }) => sum + measureNorm(weights) * Math.sqrt(meanSquare) ** power, 0),
    ),
});

/** @param {Float32Array} weights */
function measureNorm(weights) {
  return Math.sqrt(weights.reduce((sum, weight) => sum + weight * weight, 0));
}
