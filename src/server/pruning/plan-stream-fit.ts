import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { StreamFit } from '../../gen/prunecast/v1/pruning.js';
import { countCalibrated } from '../estimates/count-recipe-work.js';
import { fitsStream, type ResolvedRecipe } from '../requests/recipe.js';

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
  if (recipe === undefined || !fitsStream(recipe.compensation)) return undefined;
  const fits = layers.reduce((sum, own, layer) => {
    const kept = architecture?.[layer];
    if (kept === undefined) return sum + 2;
    return (
      sum +
      countFits(kept.kvHeads * kept.queryHeadsPerKv, own.kvHeads * own.queryHeadsPerKv) +
      countFits(kept.ffnChannels, own.ffnChannels)
    );
  }, 0);
  return { tokens: BigInt(countCalibrated(recipe).tokens), layers: layers.length, fits };
}

/** A half that keeps all stays as it is, and one that keeps nothing has nothing to fit. */
function countFits(kept: number, own: number): number {
  return kept > 0 && kept < own ? 1 : 0;
}
