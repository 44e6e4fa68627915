import { canonicalJson } from '../../core/canonical-json.js';
import { identityRanking, rankKeptFirst, type KeptUnits, type Ranking } from '../../core/model/units.js';
import type { EvaluationSubject } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { digestOf } from '../../engine/files/digest.js';
import type {
  Calibration,
  CalibrationNeed,
  LanguageModel,
  RankedRecipe,
  UnitScores,
} from '../../engine/language-model.js';
import { needsStatistics } from '../../engine/calibration/calibration.js';
import { rankUnits } from '../../engine/ranking/rank-units.js';
import type { ScoreCache } from '../../core/ports/score-cache.js';
import { keyScores } from './key-scores.js';
import { fitsStream, type ResolvedRecipe } from '../requests/recipe.js';

/** A model with ranked units, ready to be evaluated and cut. */
export interface RankedModel {
  /** Digest of the recipe, or of the units that the caller named; empty for the model's own order. */
  readonly recipeDigest: string;
  readonly ranking: Ranking;
  /** The ranking, and the compensation of the kept weights. */
  readonly recipe: RankedRecipe;
  readonly subject: EvaluationSubject;
  /** The criterion's scores, layer by layer; undefined if no criterion ranked the units. */
  readonly scores?: readonly UnitScores[];
}

/** A ranking by a criterion, and the scores that it was made from. */
type UnitOrder = Pick<Required<RankedModel>, 'ranking' | 'scores'>;

/**
 * Prepares recipes, each once per model: the result is kept while the model is open. Recipes that rank alike, such as a
 * recipe and its STREAM form, share the ranking. If there is a cache, their scores are kept over restarts.
 */
export interface RecipePreparer {
  /**
   * @param others other recipes of the same job: the statistics that their compensations need of the same text are
   * collected in the same pass
   */
  prepare(
    language: LanguageModel,
    spec: ResolvedRecipe,
    work: WorkContext,
    others?: readonly ResolvedRecipe[],
  ): Promise<RankedModel>;
  /** The model ranked by the criterion's scores; nothing is kept in memory for later. */
  score(
    language: LanguageModel,
    spec: ResolvedRecipe,
    work: WorkContext,
    others?: readonly ResolvedRecipe[],
  ): Promise<Required<RankedModel>>;
}

/** @param cache keeps scores over restarts; if omitted, they are computed again */
export function createRecipePreparer(cache?: ScoreCache): RecipePreparer {
  const known = new WeakMap<
    LanguageModel,
    { readonly orders: Map<string, UnitOrder>; readonly models: Map<string, Required<RankedModel>> }
  >();
  const score: RecipePreparer['score'] = async (language, spec, work, others = []) => {
    const key = await keyScores(language, spec);
    const stored = await cache?.get(key);
    // If the scores are known, the pass collects only what the compensation needs; if that is nothing, there is no
    // pass.
    const calibration = await calibrate(
      language,
      spec,
      [...(stored === undefined ? listScoreNeeds(spec) : []), ...listFitNeeds(spec)],
      others,
      work,
    );
    const scores = stored ?? (await scoreWith(language, spec, calibration, work));
    const ranking = rankUnits(scores, language.shape.layers);
    if (stored === undefined) await cache?.put(key, scores); // only scores that rank are kept
    return rankModel(language, spec, { ranking, scores }, await calibrateFit(language, spec, calibration, work));
  };
  return {
    score,
    async prepare(language, spec, work, others = []) {
      const { orders, models } = known.get(language) ?? {
        orders: new Map<string, UnitOrder>(),
        models: new Map<string, Required<RankedModel>>(),
      };
      known.set(language, { orders, models });
      const ready = models.get(spec.digest);
      if (ready !== undefined) return ready;
      const order = orders.get(spec.rankingDigest);
      const ranked =
        order === undefined
          ? await score(language, spec, work, others)
          : await rankAgain(language, spec, order, others, work);
      orders.set(spec.rankingDigest, { ranking: ranked.ranking, scores: ranked.scores });
      models.set(spec.digest, ranked);
      return ranked;
    },
  };
}

async function rankAgain(
  language: LanguageModel,
  spec: ResolvedRecipe,
  order: UnitOrder,
  others: readonly ResolvedRecipe[],
  work: WorkContext,
): Promise<Required<RankedModel>> {
  return rankModel(
    language,
    spec,
    order,
    await calibrateFit(language, spec, await calibrate(language, spec, listFitNeeds(spec), others, work), work),
  );
}

function rankModel(
  language: LanguageModel,
  { digest, compensation }: ResolvedRecipe,
  { ranking, scores }: UnitOrder,
  calibration: Calibration | undefined,
): Required<RankedModel> {
  const { plugin, options, moduleUrl } = compensation;
  const compensating =
    plugin.leavesWeights === true
      ? {}
      : { compensation: { plugin, options, moduleUrl, ...(calibration === undefined ? {} : { calibration }) } };
  return { ...rank(language, digest, { ranking, ...compensating }), scores };
}

/** The statistics that a criterion is given; one that scores the whole model gathers its own. */
function listScoreNeeds({ criterion: { plugin } }: ResolvedRecipe): readonly CalibrationNeed[] {
  return plugin.scoreModel === undefined ? plugin.needs : [];
}

/** The statistics that a compensation is fitted on. A fit on the stream gathers its own. */
function listFitNeeds({ compensation }: ResolvedRecipe): readonly CalibrationNeed[] {
  return fitsStream(compensation) ? [] : compensation.plugin.needs;
}

/** What a compensation is fitted on: the statistics, or the sequences of a fit on the stream. */
async function calibrateFit(
  language: LanguageModel,
  { compensation, calibration, streamCalibration }: ResolvedRecipe,
  statistics: Calibration | undefined,
  work: WorkContext,
): Promise<Calibration | undefined> {
  const own = streamCalibration ?? calibration;
  return fitsStream(compensation) && own !== undefined
    ? language.calibrate(own.sequences, ['sequences'], work)
    : statistics;
}

/**
 * One pass for all statistics that are needed; those of other recipes are added if there is a pass at all. Undefined if
 * neither criterion nor compensation looks at a text.
 */
async function calibrate(
  language: LanguageModel,
  { calibration, description }: ResolvedRecipe,
  needs: readonly CalibrationNeed[],
  others: readonly ResolvedRecipe[],
  work: WorkContext,
): Promise<Calibration | undefined> {
  if (calibration === undefined || needs.every((need) => need === 'weights')) return undefined;
  const alike = others.filter(
    (other) =>
      canonicalJson(other.description['calibration'] ?? null) === canonicalJson(description['calibration'] ?? null),
  );
  return language.calibrate(
    calibration.sequences,
    needsStatistics(needs) ? [...needs, ...alike.flatMap(listFitNeeds)] : needs,
    work,
  );
}

function scoreWith(
  language: LanguageModel,
  spec: ResolvedRecipe,
  calibration: Calibration | undefined,
  work: WorkContext,
): Promise<readonly UnitScores[]> {
  const { plugin: criterion, options, moduleUrl } = spec.criterion;
  return language.scoreUnits({
    criterion,
    options,
    moduleUrl,
    seed: spec.seed,
    work,
    ...(calibration === undefined ? {} : { calibration }),
    ...(spec.calibration === undefined ? {} : { sequences: spec.calibration.sequences }),
  });
}

/** The model with its units in their own order. */
export function withOwnOrder(language: LanguageModel): RankedModel {
  return rank(language, '', { ranking: identityRanking(language.shape.layers) });
}

/** The model with the units first that the caller named. */
export function withNamedUnits(language: LanguageModel, kept: KeptUnits): RankedModel {
  return rank(language, digestOf({ keptUnits: kept }), { ranking: rankKeptFirst(kept, language.shape.layers) });
}

function rank(language: LanguageModel, recipeDigest: string, recipe: RankedRecipe): RankedModel {
  return { recipeDigest, ranking: recipe.ranking, recipe, subject: language.subject(recipe) };
}
