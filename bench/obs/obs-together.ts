import { z } from 'zod';
import { countEliminationBytes } from '../../src/engine/ranking/elimination.js';
import { defineCriterion } from '../../src/plugins/define.js';
import { eliminateTogether } from './eliminate-together.js';

/** `obs` of FFN channels if several are removed at a time. All other units have the score 0. */
export default defineCriterion({
  id: 'obs-together',
  summary: 'Removes channels several at a time.',
  needs: ['weights', 'gram'],
  options: z.strictObject({
    damping: z.number().gt(0).max(10).default(0.01),
    together: z.int().min(1).default(64).describe('Channels that go between two looks at the costs.'),
  }),
  scoringBytes: countEliminationBytes,
  score: async ({ kind, units, half }, { damping, together }) =>
    kind === 'ffn_channel' && half !== undefined
      ? Float32Array.from(await eliminateTogether(half, damping, together))
      : new Float32Array(units.length),
});
