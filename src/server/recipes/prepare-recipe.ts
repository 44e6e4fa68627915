import { identityRanking, rankKeptFirst, type KeptUnits, type Ranking } from '../../core/model/units.js';
import type { EvaluationSubject } from '../../core/ports/evaluator.js';
import type { WorkControl } from '../../core/ports/progress.js';
import { digestOf } from '../../engine/digest.js';
import type { Calibration, LanguageModel, SubjectRecipe, UnitScores } from '../../engine/language-model.js';
import { rankUnits } from '../../engine/ranking/rank-units.js';
import type { RecipeSpec } from './recipe-spec.js';

/** A model with its units in order, ready to be evaluated and cut. */
export interface RankedModel {
  /** Digest of the recipe, or of the units that a caller named; empty for the model's own order. */
  readonly recipeDigest: string;
  readonly ranking: Ranking;
  /** The ranking, and what mends the kept weights. */
  readonly recipe: SubjectRecipe;
  readonly subject: EvaluationSubject;
}

/** Prepares recipes, each once a model: the ranking of a finished one is kept for as long as the model is open. */
export interface RecipePreparer {
  prepare(language: LanguageModel, spec: RecipeSpec, control: WorkControl): Promise<RankedModel>;
}

export function createRecipePreparer(): RecipePreparer {
  const prepared = new WeakMap<LanguageModel, Map<string, RankedModel>>();
  return {
    async prepare(language, spec, control) {
      const known = prepared.get(language) ?? new Map<string, RankedModel>();
      prepared.set(language, known);
      const ready = known.get(spec.digest);
      if (ready !== undefined) return ready;
      const { ranked } = await scoreRecipe(language, spec, control);
      known.set(spec.digest, ranked);
      return ranked;
    },
  };
}

/** The criterion's scores, layer by layer, and the model ranked by them. */
export async function scoreRecipe(language: LanguageModel, spec: RecipeSpec, control: WorkControl): Promise<{ readonly scores: readonly UnitScores[]; readonly ranked: RankedModel }> {
  const calibration = await calibrate(language, spec, control);
  const scores = await scoreWith(language, spec, calibration, control);
  const { plugin, options, moduleUrl } = spec.compensation;
  const mending = plugin.needs.length === 0 ? {} : { compensation: { plugin, options, moduleUrl, ...(calibration === undefined ? {} : { calibration }) } };
  return { scores, ranked: rank(language, spec.digest, { ranking: rankUnits(scores, language.shape.layers), ...mending }) };
}

async function calibrate(language: LanguageModel, { calibration, criterion, compensation }: RecipeSpec, control: WorkControl): Promise<Calibration | undefined> {
  return calibration === undefined ? undefined : language.calibrate(calibration.sequences, [...criterion.plugin.needs, ...compensation.plugin.needs], control);
}

function scoreWith(language: LanguageModel, spec: RecipeSpec, calibration: Calibration | undefined, control: WorkControl): Promise<readonly UnitScores[]> {
  const { plugin: criterion, options, moduleUrl } = spec.criterion;
  return language.scoreUnits({ criterion, options, moduleUrl, seed: spec.seed, control, ...(calibration === undefined ? {} : { calibration }) });
}

/** The model with its units in their own order. */
export function withOwnOrder(language: LanguageModel): RankedModel {
  return rank(language, '', { ranking: identityRanking(language.shape.layers) });
}

/** The model with the units that a caller named in front. */
export function withNamedUnits(language: LanguageModel, kept: KeptUnits): RankedModel {
  return rank(language, digestOf({ keptUnits: kept }), { ranking: rankKeptFirst(kept, language.shape.layers) });
}

function rank(language: LanguageModel, recipeDigest: string, recipe: SubjectRecipe): RankedModel {
  return { recipeDigest, ranking: recipe.ranking, recipe, subject: language.subject(recipe) };
}
