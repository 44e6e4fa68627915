import type { Architecture, ModelShape } from '../../core/model/shape.js';
import { listStreamFits } from '../../engine/compensation/list-stream-fits.js';
import type { StreamFit } from '../../gen/prunecast/v1/pruning.js';
import { countFitted } from '../estimates/count-recipe-work.js';
import { refitOf, type ResolvedRecipe } from '../requests/recipe.js';

/**
 * What a recipe's compensation is fitted on if that is the stream of an architecture; otherwise undefined.
 *
 * @param architecture undefined if it is not known yet: then every half of a layer counts as fitted
 */
export function planStreamFit(
  { layers }: ModelShape,
  recipe: ResolvedRecipe | undefined,
  architecture: Architecture | undefined,
): StreamFit | undefined {
  const refit = recipe === undefined ? undefined : refitOf(recipe.compensation);
  if (recipe === undefined || refit === undefined) return undefined;
  const fits =
    architecture === undefined
      ? 2 * layers.length
      : listStreamFits(layers, architecture, refit).filter(({ output }) => output).length;
  return { tokens: BigInt(countFitted(recipe).tokens), layers: layers.length, fits };
}
