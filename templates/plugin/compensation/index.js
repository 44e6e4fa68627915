import { defineCompensation, z } from 'prunecast/plugin';

/** Adds the mean output of what was removed, or a share of it, as a bias. */
export default defineCompensation({
  id: 'my-plugin',
  summary: 'Adds a share of the mean output of what was removed as a bias.',
  needs: ['mean'],
  addsBias: true,
  options: z.strictObject({
    share: z.number().min(0).max(1).default(1).describe('How much of the mean output is added.'),
  }),
  prepare: ({ weights, rows, hidden, mean }, { share }) => ({
    compensate: (width) => {
      const bias = new Float32Array(hidden);
      for (let row = width; row < rows; row++)
        for (let column = 0; column < hidden; column++)
          bias[column] += share * (mean?.[row] ?? 0) * weights[row * hidden + column];
      return { weights: weights.subarray(0, width * hidden), bias };
    },
  }),
});
