import type { CompensationMode, RecipeChoice } from '../../search/study/trial.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { OpenModel } from '../models/open-models.js';
import type { RankedModel, RecipePreparer } from '../recipes/prepare-recipe.js';
import type { ResolvedRecipe } from '../requests/recipe.js';
import type { StudyRecipes } from '../requests/resolve-search.js';

/** The recipe of a trial. Throws RangeError if the study does not have it. */
export function findRecipe(
  { compared, paper }: StudyRecipes,
  { recipe, compensation }: { readonly recipe: RecipeChoice; readonly compensation: CompensationMode },
): ResolvedRecipe {
  const spec =
    recipe === 'paper' ? paper : compensation === 'stream' ? compared[recipe]?.stream : compared[recipe]?.oneShot;
  if (spec === undefined) throw new RangeError(`the study has no recipe ${recipe} with compensation ${compensation}`);
  return spec;
}

/** The model under the recipe of a trial, prepared when it is first needed. */
export async function prepareRecipe(
  preparer: RecipePreparer,
  study: { readonly model: OpenModel; readonly recipes: StudyRecipes },
  trial: { readonly recipe: RecipeChoice; readonly compensation: CompensationMode },
  work: WorkContext,
): Promise<RankedModel> {
  return preparer.prepare(study.model.language, findRecipe(study.recipes, trial), work, listRecipes(study.recipes));
}

function listRecipes({ compared, paper }: StudyRecipes): ResolvedRecipe[] {
  return [...compared.flatMap(({ oneShot, stream }) => [oneShot, stream]), paper].filter((spec) => spec !== undefined);
}

/** Tokens of the calibration texts of all compared recipes; equal texts count once. */
export function countCalibrationTokens({ compared }: StudyRecipes): number {
  const texts = new Map(
    compared.map(({ oneShot }) => [JSON.stringify(oneShot.description['calibration'] ?? null), oneShot.calibration]),
  );
  return [...texts.values()].reduce(
    (sum, calibration) => sum + (calibration?.sequences.reduce((tokens, sequence) => tokens + sequence.length, 0) ?? 0),
    0,
  );
}
