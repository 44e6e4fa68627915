import type { Architecture, ModelShape } from '../../core/model/shape.js';
import {
  addWork,
  countCalibration,
  countCompensation,
  countEliminations,
  countFactorisations,
  countStreamFits,
  multiplyWork,
  NO_WORK,
  type Tokens,
  type Work,
} from '../../engine/runtime/count-work.js';
import { fitsStream, refitOf, type ResolvedRecipe } from '../requests/recipe.js';

/** The calibration text of a recipe; no tokens if it needs none. */
export function countCalibrated({ calibration }: Pick<ResolvedRecipe, 'calibration'>): Tokens {
  const sequences = calibration?.sequences ?? [];
  return {
    tokens: sequences.reduce((sum, { length }) => sum + length, 0),
    window: sequences.reduce((most, { length }) => Math.max(most, length), 0),
  };
}

/** The calibration text of a fit on the stream. */
export function countFitted({ calibration, streamCalibration }: ResolvedRecipe): Tokens {
  return countCalibrated({ calibration: streamCalibration ?? calibration });
}

/** What ranks the units of recipes: the passes over each calibration text, each statistic gathered once, and scores. */
export function countPasses(shape: ModelShape, recipes: readonly ResolvedRecipe[]): Work {
  const texts = new Map<string, ResolvedRecipe[]>();
  for (const recipe of recipes) {
    if (recipe.calibration === undefined) continue;
    const key = JSON.stringify(recipe.description['calibration'] ?? null);
    texts.set(key, [...(texts.get(key) ?? []), recipe]);
  }
  return addWork(
    ...[...texts.values()].flatMap(([first, ...others]) => {
      if (first === undefined) return [];
      const needs = [first, ...others].flatMap(({ criterion, compensation }) => [
        ...criterion.plugin.needs,
        ...(fitsStream(compensation) ? [] : compensation.plugin.needs),
      ]);
      return [countCalibration(shape, countCalibrated(first), needs)];
    }),
    multiplyWork(countEliminations(shape), countOrders(recipes.filter(scoresByGram))),
  );
}

/** The orders of units that recipes share among them. */
function countOrders(recipes: readonly ResolvedRecipe[]): number {
  return new Set(recipes.map(({ rankingDigest }) => rankingDigest)).size;
}

function scoresByGram({ criterion }: ResolvedRecipe): boolean {
  return criterion.plugin.needs.includes('gram');
}

/** What makes a recipe's compensation ready for any architecture. */
export function countPreparation(shape: ModelShape, recipe: ResolvedRecipe): Work {
  return needsGram(recipe) && !fitsStream(recipe.compensation) ? countFactorisations(shape) : NO_WORK;
}

/**
 * What measures the calibration errors of a recipe (`measureLayerErrors`). Those of its own compensation come with what
 * makes it ready for any architecture; another one is calibrated and made ready for nothing else.
 */
export function countErrors(shape: ModelShape, recipe: ResolvedRecipe): Work {
  if (recipe.calibration === undefined) return NO_WORK;
  return needsGram(recipe) && !fitsStream(recipe.compensation)
    ? countPreparation(shape, recipe)
    : addWork(countCalibration(shape, countCalibrated(recipe), ['gram']), countFactorisations(shape));
}

/** What compensates so many architectures of one size under a recipe. */
export function countCompensations(
  shape: ModelShape,
  recipe: ResolvedRecipe,
  architecture: Architecture,
  count: number,
): Work {
  const refit = refitOf(recipe.compensation);
  if (refit !== undefined)
    return countStreamFits(
      shape,
      Array.from({ length: count }, () => architecture),
      countFitted(recipe),
      refit,
    );
  return needsGram(recipe) ? multiplyWork(countCompensation(shape, architecture), count) : NO_WORK;
}

/** Whether a recipe's compensation is fitted on Gram matrices. */
export function needsGram({ compensation }: ResolvedRecipe): boolean {
  return compensation.plugin.needs.includes('gram');
}

/** Whether Gram matrices are kept for a recipe. */
export function keepsGram(recipe: ResolvedRecipe): boolean {
  return needsGram(recipe) || scoresByGram(recipe);
}
