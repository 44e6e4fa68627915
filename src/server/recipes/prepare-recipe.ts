import { identityRanking, rankKeptFirst, type KeptUnits, type Ranking } from '../../core/model/units.js';
import type { EvaluationSubject } from '../../core/ports/evaluator.js';
import type { WorkControl } from '../../core/ports/progress.js';
import { digestOf } from '../../engine/digest.js';
import type { LanguageModel, UnitScores } from '../../engine/language-model.js';
import { rankUnits } from '../../engine/ranking/rank-units.js';
import type { RecipeSpec } from './recipe-spec.js';

/** A model with its units in order, ready to be evaluated and cut. */
export interface RankedModel {
  /** Digest of the recipe, or of the units that a caller named; empty for the model's own order. */
  readonly recipeDigest: string;
  readonly ranking: Ranking;
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
      const scores = await scoreUnits(language, spec, control);
      const ranking = rankUnits(scores, language.shape.layers);
      const ranked = { recipeDigest: spec.digest, ranking, subject: language.subject({ ranking }) };
      known.set(spec.digest, ranked);
      return ranked;
    },
  };
}

/** The criterion's scores, layer by layer. */
export async function scoreUnits(language: LanguageModel, spec: RecipeSpec, control: WorkControl): Promise<readonly UnitScores[]> {
  const { plugin: criterion, options, moduleUrl } = spec.criterion;
  const calibration = spec.calibration === undefined
    ? undefined
    : await language.calibrate(spec.calibration.sequences, [...criterion.needs, ...spec.compensation.plugin.needs], control);
  return language.scoreUnits({ criterion, options, moduleUrl, seed: spec.seed, control, ...(calibration === undefined ? {} : { calibration }) });
}

/** The model with its units in their own order. */
export function withOwnOrder(language: LanguageModel): RankedModel {
  const ranking = identityRanking(language.shape.layers);
  return { recipeDigest: '', ranking, subject: language.subject({ ranking }) };
}

/** The model with the units that a caller named in front. */
export function withNamedUnits(language: LanguageModel, kept: KeptUnits): RankedModel {
  const ranking = rankKeptFirst(kept, language.shape.layers);
  return { recipeDigest: digestOf({ keptUnits: kept }), ranking, subject: language.subject({ ranking }) };
}
