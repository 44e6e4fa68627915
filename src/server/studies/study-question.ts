import type { EvaluationPlan, Evaluator } from '../../core/ports/evaluator.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { Recipe } from '../../gen/prunecast/v1/common.js';
import type { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import type { StudyPlan } from '../../search/study/plan.js';
import { budgeted, type OpenModel, type OpenModels } from '../models/open-models.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import { refuseStreamLabels, type RecipeResolver, type RecipeSpec } from '../recipes/recipe-spec.js';
import type { TextSource } from '../texts/text-source.js';
import { decodeStudyPlan } from './decode-study-plan.js';
import type { StudyRecipe, StudyRecipes } from './study-recipes.js';
import {
  planPairWindows,
  planStudyWindows,
  refuseCalibrationOverlap,
  type PartFidelities,
  type StudyWindows,
} from './study-texts.js';

export interface QuestionServices {
  readonly models: OpenModels;
  readonly plugins: PluginRegistry;
  readonly texts: TextSource;
  readonly recipes: RecipeResolver;
}

/** What a SearchRequest asks, without its texts: enough to ask a predictor about. */
export interface StudyQuestion {
  readonly model: OpenModel;
  readonly plan: StudyPlan;
  readonly evaluator: { readonly plugin: Evaluator; readonly options: unknown };
}

/** Opens the model and decodes space, budgets and objective. Throws as `decodeStudyPlan`, PLUGIN_NOT_FOUND, and as models. */
export async function openQuestion(
  { models, plugins, recipes }: QuestionServices,
  request: SearchRequest,
): Promise<StudyQuestion> {
  const model = await models.open(request.model);
  const evaluator = plugins.resolve('evaluator', request.evaluator, 'perplexity', 'evaluator');
  const counted = recipes.countedShape(
    model.language.shape,
    request.recipes.map((recipe, index) => ({ recipe, field: `recipes[${index}]` })),
    request.space,
  );
  return { model, evaluator, plan: await decodeStudyPlan(budgeted(model), counted, request, evaluator.plugin) };
}

/** The windows of search, verify and report, and the recipe, whose calibration is apart from the latter two. Throws as `planStudyWindows`, and as recipes. */
export async function openSubject(
  { texts, recipes }: QuestionServices,
  request: SearchRequest,
  { model, evaluator, plan }: StudyQuestion,
): Promise<StudySubject> {
  const windows = await planStudyWindows(texts, model, request, evaluator, readFidelities(request));
  const asked = listRecipes(request);
  const compared: StudyRecipe[] = [];
  for (const [index, recipe] of asked.entries()) {
    const field = `recipes[${index}]`;
    const oneShot = await recipes.resolve(recipe, model, field, windows.calibration);
    refuseStreamLabels(oneShot, field);
    if (oneShot.calibration !== undefined)
      refuseCalibrationOverlap(
        windows.plans,
        oneShot.calibration,
        recipe.calibration?.text === undefined ? 'texts.calibration' : `${field}.calibration.text`,
      );
    if (compared.some((known) => known.oneShot.digest === oneShot.digest))
      throw PrunecastError.ofField(field, 'is the same as a recipe before it');
    compared.push({
      oneShot,
      stream:
        plan.compensation.mode === 'one-shot' || oneShot.calibration === undefined
          ? undefined
          : recipes.asStream(oneShot, field),
    });
  }
  const paper =
    plan.paperControls.length > 0
      ? await recipes.resolve(PAPER_RECIPE, model, 'recipes', windows.calibration)
      : undefined;
  return {
    windows: windows.plans,
    recipes: { compared, paper },
    plan: { ...plan, recipes: compared.length, compensation: settleFinish(plan, compared) },
  };
}

/** The study's texts and recipes, and its plan, which says how it finishes now that these are known. */
export interface StudySubject {
  readonly windows: StudyWindows['plans'];
  readonly recipes: StudyRecipes;
  readonly plan: StudyPlan;
}

/** Without a word of the caller's, two criteria that look at activations are compared under the default compensation. */
function listRecipes({ recipes }: SearchRequest): Recipe[] {
  return recipes.length > 0 ? recipes : ['fluctuation', 'wanda'].map((id) => Recipe.fromPartial({ criterion: { id } }));
}

/** The recipe of arXiv 2309.09507, which prunes as LLM-Pruner does. */
export const PAPER_RECIPE = Recipe.fromPartial({
  criterion: { id: 'taylor', options: { order: 'first' } },
  compensation: { id: 'none' },
});

/** Below so many calibration tokens a channel a fit on the stream overfits. */
const STREAM_TOKENS_PER_CHANNEL = 20;

/**
 * The stream is tried where the recipe's compensation has it and the calibration is long enough, unless the caller decided.
 *
 * @throws PrunecastError INVALID_REQUEST where a caller wants it and a recipe cannot
 */
function settleFinish({ compensation, space }: StudyPlan, compared: readonly StudyRecipe[]): StudyPlan['compensation'] {
  if (compensation.mode === 'one-shot') return compensation;
  const lacking = compared.findIndex(({ stream }) => stream === undefined);
  if (compensation.mode === 'stream') {
    if (lacking >= 0)
      throw PrunecastError.ofField(
        'finish',
        `is FINISH_STREAM, and recipes[${lacking}] looks at no calibration text: leave finish unset, or take a calibrated criterion`,
      );
    return compensation;
  }
  const channels = space.shape.layers.reduce((most, { ffnChannels }) => Math.max(most, ffnChannels), 0);
  const suits = ({ oneShot: { calibration, compensation } }: StudyRecipe): boolean =>
    compensation.plugin.stream !== undefined &&
    (calibration?.sequences.reduce((sum, { length }) => sum + length, 0) ?? 0) >= STREAM_TOKENS_PER_CHANNEL * channels;
  return compared.every(suits) ? compensation : { ...compensation, mode: 'one-shot' };
}

/** The windows of pairs alone, and the recipe as a Search with the same request would have it. Throws as `openSubject`. */
export async function openPairSubject(
  { texts, recipes }: QuestionServices,
  request: SearchRequest,
  { model, evaluator }: StudyQuestion,
): Promise<{ readonly windows: { readonly search: EvaluationPlan }; readonly recipes: StudyRecipes }> {
  const { plan, calibration } = await planPairWindows(texts, model, request, evaluator, readFidelities(request));
  const recipe = await recipes.resolve(listRecipes(request)[0], model, 'recipes[0]', calibration);
  refuseStreamLabels(recipe, 'recipes[0]');
  return {
    windows: { search: plan },
    recipes: { compared: [{ oneShot: recipe, stream: undefined }], paper: undefined },
  };
}

/** The recipe of a study that has this digest. Throws as `openSubject`, and PAIRS_INVALID where the study has none such any more. */
export async function openRecipe(
  { texts, recipes }: QuestionServices,
  request: SearchRequest,
  { model, evaluator }: StudyQuestion,
  digest: string,
): Promise<RecipeSpec> {
  const { calibration } = await planPairWindows(texts, model, request, evaluator, readFidelities(request));
  for (const [index, asked] of listRecipes(request).entries()) {
    const recipe = await recipes.resolve(asked, model, `recipes[${index}]`, calibration);
    if (recipe.digest === digest) return recipe;
  }
  throw PrunecastError.ofField(
    'study_id',
    `has pairs of the recipe "${digest}", which its request does not come to any more: its texts or its model have changed`,
    'PAIRS_INVALID',
  );
}

/** Labels of pairs: 8,192 tokens each. What two near architectures differ by is lost in fewer. */
const PAIR_TOKENS = { tokenLimit: 8192n, precision: 0 } as const;

function readFidelities(request: SearchRequest): PartFidelities {
  return {
    search: { spec: request.pairs?.rungs[0] ?? PAIR_TOKENS, field: 'pairs.rungs[0]' },
    verify:
      request.verify === undefined || request.verify.rungs.length === 0
        ? [{ spec: undefined, field: 'verify' }]
        : request.verify.rungs.map((spec, rung) => ({ spec, field: `verify.rungs[${rung}]` })),
    report: { spec: request.report, field: 'report' },
  };
}
