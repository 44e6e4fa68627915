import type { EvaluationPlan, Evaluator } from '../../core/ports/evaluator.js';
import type { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import type { StudyPlan } from '../../search/study/study-plan.js';
import type { OpenModel, OpenModels } from '../models/open-models.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import { refuseStreamLabels, type RecipeResolver, type RecipeSpec } from '../recipes/recipe-spec.js';
import type { TextSource } from '../texts/text-source.js';
import { decodeStudyPlan, refuseUnavailable } from './decode-study-plan.js';
import { planPairWindows, planStudyWindows, refuseCalibrationOverlap, type PartFidelities, type StudyWindows } from './study-texts.js';

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
export async function openQuestion({ models, plugins }: QuestionServices, request: SearchRequest): Promise<StudyQuestion> {
  refuseUnavailable(request);
  const model = await models.open(request.model);
  const evaluator = plugins.resolve('evaluator', request.evaluator, 'perplexity', 'evaluator');
  return { model, evaluator, plan: decodeStudyPlan(model.language.shape, request, evaluator.plugin) };
}

/** The windows of search, verify and report, and the recipe, whose calibration is apart from the latter two. Throws as `planStudyWindows`, and as recipes. */
export async function openSubject(
  { texts, recipes }: QuestionServices,
  request: SearchRequest,
  { model, evaluator }: StudyQuestion,
): Promise<{ readonly windows: StudyWindows['plans']; readonly recipe: RecipeSpec }> {
  const windows = await planStudyWindows(texts, model, request, evaluator, readFidelities(request));
  const recipe = await recipes.resolve(request.recipes[0], model, 'recipes[0]', windows.calibration);
  refuseStreamLabels(recipe, 'recipes[0]');
  if (recipe.calibration !== undefined) refuseCalibrationOverlap(windows.plans, recipe.calibration, request.recipes[0]?.calibration?.text === undefined ? 'texts.calibration' : 'recipes[0].calibration.text');
  return { windows: windows.plans, recipe };
}

/** The windows of pairs alone, and the recipe as a Search with the same request would have it. Throws as `openSubject`. */
export async function openPairSubject(
  { texts, recipes }: QuestionServices,
  request: SearchRequest,
  { model, evaluator }: StudyQuestion,
): Promise<{ readonly windows: { readonly search: EvaluationPlan }; readonly recipe: RecipeSpec }> {
  const { plan, calibration } = await planPairWindows(texts, model, request, evaluator, readFidelities(request));
  const recipe = await recipes.resolve(request.recipes[0], model, 'recipes[0]', calibration);
  refuseStreamLabels(recipe, 'recipes[0]');
  return { windows: { search: plan }, recipe };
}

/** Labels of pairs: 4,096 tokens each. */
const PAIR_TOKENS = { tokenLimit: 4096n, precision: 0 } as const;

function readFidelities(request: SearchRequest): PartFidelities {
  return {
    search: { spec: request.pairs?.rungs[0] ?? PAIR_TOKENS, field: 'pairs.rungs[0]' },
    verify: { spec: request.verify?.rungs[0], field: 'verify.rungs[0]' },
    report: { spec: request.report, field: 'report' },
  };
}
