import type { Architecture } from '../../core/model/shape.js';
import type { LanguageModel, RankedRecipe } from '../../engine/language-model.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import { fitsStream } from '../requests/recipe.js';
import { listCompensatedTensors } from './list-compensated-tensors.js';

/** The phase that fits the weights on the pruned model's own stream. */
export const FIT_PHASE = 'compensate';

/** Compensates an architecture on its own stream if the recipe asks for that; what comes next finds the weights. */
export async function fitOnStream(
  language: LanguageModel,
  recipe: RankedRecipe,
  architecture: Architecture,
  context: Pick<JobContext, 'signal' | 'progress' | 'phases'>,
): Promise<void> {
  if (recipe.compensation === undefined || recipe.trained !== undefined || !fitsStream(recipe.compensation)) return;
  context.phases.enter(FIT_PHASE);
  const tensors = listCompensatedTensors(
    language,
    recipe,
    architecture,
    workContext(context, 'compensating the weights'),
  );
  // With the first of them all are computed.
  const [first] = tensors.values();
  if (typeof first === 'function') await first();
}
