import { z } from 'zod';
import { defineCriterion } from '../define.js';

/**
 * Block influence: a layer matters as much as it changes the direction of its input, mean over tokens of
 * 1 - cos(block input, block output)
 * ("ShortGPT: Layers in Large Language Models are More Redundant Than You Expect", arXiv 2403.03853).
 *
 * It compares layers, not the units inside: every unit of a layer has the layer's score, and of equal scores the lower
 * index is kept. For whole layers; unlike those of other criteria, its scores compare between layers.
 */
export default defineCriterion({
  id: 'block-influence',
  summary: "How much the unit's layer changes the direction of its input; all units of a layer have the same score.",
  needs: ['block-io'],
  options: z.strictObject({}),
  /** One score per unit, in the order of `units`; higher = keep. NaN without calibration. */
  score: ({ units, blockInfluence = NaN }) => new Float32Array(units.length).fill(blockInfluence),
});
