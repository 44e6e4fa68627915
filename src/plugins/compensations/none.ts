import { z } from 'zod';
import { defineCompensation } from '../define.js';

/** None: kept weights stay as they are. */
export default defineCompensation({
  id: 'none',
  summary: 'Leaves the kept weights as they are.',
  needs: [],
  addsBias: false,
  leavesWeights: true,
  options: z.strictObject({}),
  prepare: ({ weights, hidden }) => ({ compensate: (width) => ({ weights: weights.subarray(0, width * hidden) }) }),
});
