import { z } from 'zod';
import { defineCriterion, scopeOption } from '../define.js';

/**
 * Activation: a unit matters as much as the inputs of its columns of down or o are large, sqrt(mean x^2) over all
 * calibration tokens. A head adds up its columns, a key-value group its heads.
 *
 * Raw scores compare within one layer and one kind of unit only.
 */
export default defineCriterion({
  id: 'activation',
  summary: 'Root mean square of the input of each output column of a unit.',
  needs: ['activations'],
  options: z.strictObject({ scope: scopeOption }),
  /** One score per unit, in the order of `units`; higher = keep. */
  score: ({ units }) =>
    Float32Array.from(units, ({ columns }) => columns.reduce((sum, { meanSquare }) => sum + Math.sqrt(meanSquare), 0)),
});
