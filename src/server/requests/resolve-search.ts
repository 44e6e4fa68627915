import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { SearchSpaceOptions } from '../../core/space/create-search-space.js';
import { withLimits } from '../../core/space/limit-space.js';
import { Precision, type FidelitySpec, type Recipe } from '../../gen/prunecast/v1/common.js';
import type { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import type { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import type { PluginsByKind } from '../../core/ports/plugin-entry.js';
import { countRecipePoints } from '../../search/phases/recipe.js';
import { countPairs } from '../../search/study/pairs.js';
import type { StudyPlan } from '../../search/study/plan.js';
import { chooseStrategy } from './choose-strategy.js';
import { decodeFeatures } from './decode-features.js';
import { decodeSpaceOptions } from './decode-space.js';
import { decodeStudyPlan } from './decode-study-plan.js';
import { DEFAULT_PLUGINS, DEFAULT_STREAM_TOKENS, PAPER_RECIPE } from './defaults.js';
import { findEffort } from './find-effort.js';
import {
  planFurther,
  planPairWindows,
  planStudyWindows,
  refuseTextOverlap,
  TEXT_PARTS,
  type FurtherPlans,
  type PartFidelities,
  type PartPlans,
  type TextPartName,
} from './plan-study-texts.js';
import { refuseStreamLabels, type RecipeDefaults, type ResolvedRecipe } from './recipe.js';
import { resolveRecovery, type ResolvedRecovery } from './resolve-recovery.js';
import { listMeasured, resolveFurther, type NamedEvaluator } from './resolve-further.js';
import { drawArchitectures, resolveTargets, type ExportTargets } from './resolve-targets.js';
import type { RequestServices } from './services.js';
import type { ResolvedPlugin } from './plugin-lookup.js';

/** What a SearchRequest asks, without its texts: enough for a predictor to answer. */
export interface StudyQuestion {
  readonly plan: StudyPlan;
  readonly evaluator: ResolvedPlugin<'evaluator'>;
  /** The evaluators of the further measurements. */
  readonly others: readonly NamedEvaluator[];
}

/** The same, with what the space of the plan was made from. */
export interface ResolvedQuestion extends StudyQuestion {
  readonly space: SearchSpaceOptions;
  readonly targets: ExportTargets;
}

/** What a study measures beside its first measurement. */
export interface FurtherMeasurement extends NamedEvaluator {
  readonly windows: FurtherPlans;
}

/** The recipes of a study: those that are compared, and the paper's if controls are measured under it. */
export interface StudyRecipes {
  /** At least one. */
  readonly compared: readonly {
    /** Pairs and finalists are labelled under it. */
    readonly oneShot: ResolvedRecipe;
    /** The same recipe with its compensation fitted on the pruned model's own stream; undefined if it has none. */
    readonly stream: ResolvedRecipe | undefined;
  }[];
  readonly paper: ResolvedRecipe | undefined;
}

/** A SearchRequest, checked and complete. */
export interface ResolvedSearch extends ResolvedQuestion {
  readonly windows: PartPlans;
  readonly further: readonly FurtherMeasurement[];
  readonly recipes: StudyRecipes;
  readonly predictor: ResolvedPlugin<'predictor'>;
  /** What the predictor sees of an architecture. */
  readonly features: PredictorFeatures;
  readonly strategy: ResolvedPlugin<'strategy'>;
  /** undefined: the winner is not trained. */
  readonly recovery: ResolvedRecovery | undefined;
}

/** A SearchRequest of which only the pairs are labelled. */
export interface ResolvedSample extends ResolvedQuestion {
  readonly windows: Pick<PartPlans, 'search'>;
  readonly further: readonly FurtherMeasurement[];
  readonly recipes: StudyRecipes;
}

/**
 * Space, budgets, objectives and counts of a request. Throws PLUGIN_NOT_FOUND, INVALID_OPTIONS, and as
 * `decodeStudyPlan` and `resolveTargets`.
 */
export async function resolveQuestion(
  { model, plugins, recipes }: RequestServices,
  request: SearchRequest,
): Promise<ResolvedQuestion> {
  const asked = request.recipes.length > 0 ? request.recipes : [undefined];
  const named = asked.map((recipe, index) => ({ recipe, field: `recipes[${index}]` }));
  const targets = resolveTargets({ plugins, shape: model.shape }, request, named);
  const space = withLimits(decodeSpaceOptions(request.space), targets.limits);
  const evaluator = plugins.resolve('evaluator', request.evaluator, DEFAULT_PLUGINS.evaluator, 'evaluator');
  const counted = recipes.countedShape(named.slice(0, request.recipes.length), space);
  const others = resolveFurther(plugins, request.furtherMeasurements);
  const measured = listMeasured(evaluator.plugin, others);
  const plan = await decodeStudyPlan(model, counted, space, request, measured);
  targets.require(drawArchitectures(plan.space));
  return { evaluator, others, space, targets, plan };
}

/**
 * Resolves all of a request. Throws as `resolveQuestion`, `planStudyWindows` and `RecipeSource.resolve`, and
 * PAIRS_TOO_FEW.
 */
export async function resolveSearch(services: RequestServices, request: SearchRequest): Promise<ResolvedSearch> {
  const question = await resolveQuestion(services, request);
  const { plugins } = services;
  const predictor = plugins.resolve('predictor', request.predictor, DEFAULT_PLUGINS.predictor, 'predictor');
  const strategy = chooseStrategy(plugins, request.strategy, question.plan);
  requirePairs(predictor.plugin, countPairs(question.plan, 0));
  const { calibration, ...subject } = await resolveSubject(services, request, question);
  const recovery = await resolveStudyRecovery(services, request, subject.windows, calibration);
  const features = decodeFeatures(
    request.features,
    subject.recipes.compared.map(({ oneShot }) => oneShot),
    'errors',
  );
  const plan = recovery === undefined ? subject.plan : { ...subject.plan, recovers: true as const };
  return { ...question, ...subject, plan, predictor, strategy, features, recovery };
}

/** By default it trains on the calibration text of the first recipe. Throws as `resolveRecovery`, and WINDOWS_OVERLAP. */
async function resolveStudyRecovery(
  services: RequestServices,
  request: SearchRequest,
  windows: PartPlans,
  calibration: RecipeDefaults,
): Promise<ResolvedRecovery | undefined> {
  const own = listRecipes(request)[0]?.calibration?.text;
  const recovery = await resolveRecovery(
    services,
    request.recovery,
    own === undefined ? calibration : { ...calibration, text: own, part: { from: 0, to: 1 } },
  );
  if (recovery !== undefined)
    refuseTextOverlap(windows, recovery.taken.sequences, {
      what: 'a sequence of the recovery',
      field: request.recovery?.text?.text === undefined ? 'recovery.text' : 'recovery.text.text',
    });
  return recovery;
}

/** A sample has some architectures whatever it draws: the same as a search, which compares its recipes on them. */
function requireFixedPairs(plan: StudyPlan): void {
  const least = countRecipePoints(plan);
  if (plan.pairs.count >= least) return;
  throw PrunecastError.ofField(
    'search.pairs.count',
    `is ${plan.pairs.count}, allowed is ${least} or more: ${least} pairs are the same in every sample of this space and budget, architectures of one rate everywhere and those that the scores choose, and only further ones are drawn`,
  );
}

/** The first sample is split 7:3, and the fitted part must be large enough. */
function requirePairs({ id, pairs }: Pick<PluginsByKind['predictor'], 'id' | 'pairs'>, count: number): void {
  const fitted = Math.floor(0.7 * count);
  if (fitted >= pairs.least) return;
  const needed = Math.ceil(pairs.least / 0.7);
  throw new PrunecastError(
    'PAIRS_TOO_FEW',
    `${id} is fitted on 7 of 10 pairs of the first sample and needs ${pairs.least} there; the plan samples ${count} first: ask for at least ${needed} pairs in addition to those inside the refined space`,
    {
      metadata: { pairs: String(count), least: String(needed) },
      violations: [
        {
          field: 'pairs.count',
          description: `leaves ${count} pairs for the first sample; at least ${needed} are needed`,
        },
      ],
    },
  );
}

/**
 * The windows of search, verify and report; the recipes, whose calibration must not overlap verify and report; the text
 * that they are calibrated on by default; and the plan with the compensation of finalists settled. Throws as
 * `planStudyWindows` and `RecipeSource.resolve`.
 */
export async function resolveSubject(
  services: RequestServices,
  request: SearchRequest,
  { evaluator, others, plan }: StudyQuestion,
): Promise<
  Pick<ResolvedSearch, 'windows' | 'further' | 'recipes' | 'plan'> & { readonly calibration: RecipeDefaults }
> {
  const { recipes } = services;
  const fidelities = readFidelities(request, plan);
  const windows = await planStudyWindows(services, request, evaluator, fidelities);
  const further = await planOthers(services, request, others, { parts: TEXT_PARTS, first: fidelities });
  const asked = listRecipes(request);
  const compared: StudyRecipes['compared'][number][] = [];
  for (const [index, recipe] of asked.entries()) {
    const field = `recipes[${index}]`;
    const oneShot = await recipes.resolve(recipe, field, windows.calibration);
    refuseStreamLabels(oneShot, field);
    for (const sequences of [oneShot.calibration, oneShot.streamCalibration])
      if (sequences !== undefined)
        refuseTextOverlap(windows.plans, sequences, {
          what: 'a calibration sequence',
          field: recipe.calibration?.text === undefined ? 'texts.calibration' : `${field}.calibration.text`,
        });
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
    plan.paperControls.length > 0 ? await recipes.resolve(PAPER_RECIPE, 'recipes', windows.calibration) : undefined;
  return {
    windows: windows.plans,
    further,
    calibration: windows.calibration,
    recipes: { compared, paper },
    plan: {
      ...plan,
      recipes: compared.length,
      verifyRungs: windows.plans.verify.length,
      compensation: settleCompensation(plan, compared),
    },
  };
}

/** What the further measurements of a request run in some parts of the study. */
async function planOthers(
  services: RequestServices,
  { furtherMeasurements, windows }: SearchRequest,
  others: readonly NamedEvaluator[],
  parts: { readonly parts: readonly TextPartName[]; readonly first: PartFidelities },
): Promise<FurtherMeasurement[]> {
  const planned: FurtherMeasurement[] = [];
  for (const [index, asked] of furtherMeasurements.entries()) {
    const own = others[index];
    if (own === undefined) continue;
    const field = `further_measurements[${index}]`;
    planned.push({ ...own, windows: await planFurther(services, asked, own.evaluator, { ...parts, windows, field }) });
  }
  return planned;
}

function listRecipes(request: SearchRequest): readonly Recipe[] {
  return request.recipes.length > 0 ? request.recipes : findEffort(request).recipes;
}

/**
 * STREAM if every recipe's compensation can be fitted on the stream and the calibration is long enough, unless the
 * request decides.
 *
 * @throws PrunecastError INVALID_REQUEST if the request asks for STREAM and a recipe cannot be fitted on it
 */
function settleCompensation(
  { compensation, space }: StudyPlan,
  compared: StudyRecipes['compared'],
): StudyPlan['compensation'] {
  if (compensation.mode === 'one-shot') return compensation;
  const lacking = compared.findIndex(({ stream }) => stream === undefined);
  if (compensation.mode === 'stream') {
    if (lacking >= 0)
      throw PrunecastError.ofField(
        'compensation_fit',
        `is STREAM, and recipes[${lacking}] has no calibration text: leave compensation_fit unset, or take a calibrated criterion`,
      );
    return compensation;
  }
  const channels = space.shape.layers.reduce((most, { ffnChannels }) => Math.max(most, ffnChannels), 0);
  const suits = ({ oneShot: { calibration, compensation } }: StudyRecipes['compared'][number]): boolean =>
    compensation.plugin.stream !== undefined &&
    (calibration?.sequences.reduce((sum, { length }) => sum + length, 0) ?? 0) >= DEFAULT_STREAM_TOKENS * channels;
  return compared.every(suits) ? compensation : { ...compensation, mode: 'one-shot' };
}

/**
 * The windows of the pairs, and the recipe that a Search with the same request would use. Throws as `resolveSearch`.
 */
export async function resolveSample(services: RequestServices, request: SearchRequest): Promise<ResolvedSample> {
  const question = await resolveQuestion(services, request);
  requireFixedPairs(question.plan);
  const fidelities = readFidelities(request, question.plan);
  const { plan, calibration } = await planPairWindows(services, request, question.evaluator, fidelities);
  const further = await planOthers(services, request, question.others, { parts: ['search'], first: fidelities });
  const recipe = await services.recipes.resolve(listRecipes(request)[0], 'recipes[0]', calibration);
  refuseStreamLabels(recipe, 'recipes[0]');
  return {
    ...question,
    windows: { search: plan },
    further,
    recipes: { compared: [{ oneShot: recipe, stream: undefined }], paper: undefined },
  };
}

/**
 * The recipe of a study with this digest. Throws as `resolveSample`, and PAIRS_INVALID if the study no longer has such
 * a recipe.
 */
export async function resolveRecipeOf(
  services: RequestServices,
  request: SearchRequest,
  { evaluator, plan }: StudyQuestion,
  digest: string,
): Promise<ResolvedRecipe> {
  const { calibration } = await planPairWindows(services, request, evaluator, readFidelities(request, plan));
  for (const [index, asked] of listRecipes(request).entries()) {
    const recipe = await services.recipes.resolve(asked, `recipes[${index}]`, calibration);
    if (recipe.digest === digest) return recipe;
  }
  throw PrunecastError.ofField(
    'study_id',
    `has pairs of the recipe "${digest}", which its request no longer gives: its texts or its model have changed`,
    'PAIRS_INVALID',
  );
}

function readFidelities(request: SearchRequest, { verifyRungs }: Pick<StudyPlan, 'verifyRungs'>): PartFidelities {
  const { pairTokens, verifyTokens, reportTokens } = findEffort(request);
  const asked = request.verify?.rungs ?? [];
  return {
    search: { spec: request.pairs?.rungs[0] ?? limitTokens(pairTokens), field: 'pairs.rungs[0]' },
    verify:
      asked.length === 0
        ? verifyTokens.slice(-verifyRungs).map((tokens) => ({ spec: limitTokens(tokens), field: 'verify' }))
        : asked.map((spec, rung) => ({ spec, field: `verify.rungs[${rung}]` })),
    verifyRungs: asked.length === 0 ? 'default' : 'asked',
    report: { spec: request.report ?? limitTokens(reportTokens), field: 'report' },
  };
}

function limitTokens(tokenLimit: bigint): FidelitySpec {
  return { tokenLimit, precision: Precision.UNSPECIFIED };
}
