import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { architectureOf, rankKeptFirst } from '../../core/model/units.js';
import { MANIFEST_FILE } from '../../core/ports/outputs.js';
import type { RankedRecipe } from '../../engine/language-model.js';
import type { VerifyOutputRequest } from '../../gen/prunecast/v1/file.js';
import { workContext, type PartContext } from '../kinds/job-context.js';
import type { RecipePreparer } from '../recipes/prepare-recipe.js';
import type { RecipeResolver } from '../recipes/recipe-resolver.js';
import type { ManifestSelection } from '../requests/decode-manifest.js';
import { describeAbsentText } from '../requests/describe-absent-text.js';
import { requireSameUnits } from '../requests/resolve-selection.js';
import type { Source } from './find-source.js';

export interface RecipeServices {
  readonly recipes: RecipeResolver;
  readonly preparer: RecipePreparer;
}

/** The recipe that the weights of an output have; a text says why it cannot be had. */
export async function restoreRecipe(
  { recipes, preparer }: RecipeServices,
  {
    request,
    selection,
    source,
  }: { readonly request: VerifyOutputRequest; readonly selection: ManifestSelection; readonly source: Source },
  context: PartContext,
): Promise<RankedRecipe | string> {
  const { language } = source.model;
  const { keptUnits, recipe } = selection;
  const ranking = rankKeptFirst(keptUnits, language.shape.layers, `${MANIFEST_FILE}.kept_units`);
  if (recipe === undefined) return { ranking };
  try {
    const spec = await recipes
      .attended(workContext(context, 'reading texts'))
      .restore({ recipe, field: MANIFEST_FILE, textField: 'text' }, request.text ?? source.text, source.model);
    const ranked = await preparer.prepare(language, spec, workContext(context, 'calibrating'));
    const compensated = { recipe, field: MANIFEST_FILE };
    requireSameUnits(
      { architecture: architectureOf(keptUnits), keptUnits, compensated, snapped: [], allocation: '' },
      ranked,
      language.shape,
    );
    return ranked.recipe;
  } catch (error) {
    context.signal.throwIfAborted();
    // A text that the caller names has to be the right one; without one, the manifest's may be gone.
    if (!(error instanceof PrunecastError) || request.text !== undefined) throw error;
    if (error.reason === 'TEXT_NOT_FOUND') {
      const { name, cure } = describeAbsentText(recipe.calibration_text?.path ?? 'which was sent', 'text');
      return `the text that its weights were compensated on, ${name}, is not at hand: ${cure}`;
    }
    const [violation] = error.violations;
    return violation?.field === 'text'
      ? `the text that its weights were compensated on ${violation.description}`
      : `how its weights were compensated cannot be computed again: ${error.message}`;
  }
}
