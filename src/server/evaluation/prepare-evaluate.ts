import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { setImmediate } from 'node:timers/promises';
import type { Architecture } from '../../core/model/shape.js';
import type { EvaluationPlan, Evaluator } from '../../core/ports/evaluator.js';
import type { Cost } from '../../gen/prunecast/v1/common.js';
import type { EvaluateRequest, EvaluateTarget, Plan } from '../../gen/prunecast/v1/pruning.js';
import { openSpaces, requireSameUnits, resolveSelection, type Selection } from '../architectures/resolve-selection.js';
import { architectureKey, encodeArchitecture } from '../encoding/architecture.js';
import { encodeFidelity, encodeMeasurement, measurementFingerprint } from '../encoding/measurement.js';
import { encodeCosts } from '../encoding/space.js';
import { atField } from '../../core/errors/at-field.js';
import type { JobContext, JobResult } from '../jobs/jobs.js';
import type { Prepared } from '../jobs/runnable-kind.js';
import { orderLabels, type ArchitectureLabels } from '../labels/label-task.js';
import { budgeted, type OpenModel, type OpenModels } from '../models/open-models.js';
import { workOn } from '../models/work-on.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import { withNamedUnits, withOwnOrder, type RankedModel, type RecipePreparer } from '../recipes/prepare-recipe.js';
import { exportedShape, type RecipeResolver, type RecipeSpec } from '../recipes/recipe-spec.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { TextSource } from '../texts/text-source.js';
import { estimateSeconds } from './estimate-seconds.js';
import { decodeProtocol } from './decode-protocol.js';
import { planWindows } from './plan-windows.js';
import { requirePrecision } from './require-precision.js';
import { workContext } from '../jobs/work-context.js';

export interface EvaluateServices {
  readonly models: OpenModels;
  readonly texts: TextSource;
  readonly plugins: PluginRegistry;
  readonly recipes: RecipeResolver;
  readonly preparer: RecipePreparer;
  readonly labels: ArchitectureLabels;
}

/** Where earlier outputs that a request names are read. */
export interface SelectionServices {
  readonly outputs: Pick<OutputFolders, 'readManifest'>;
}

/** Checks an Evaluate request down to its windows; `run` then measures, each result an event as it is ready. */
export async function prepareEvaluate(
  services: EvaluateServices & SelectionServices,
  request: EvaluateRequest,
): Promise<Prepared> {
  const model = await services.models.open(request.model);
  const { shape } = model.language;
  const targets = request.targets.length === 0 ? [DENSE] : request.targets;
  const counted = services.recipes.countedShape(shape, [{ recipe: request.recipe, field: 'recipe' }], request.space);
  const spaces = openSpaces(shape, counted, request.space);
  const sources = { model: budgeted(model), outputs: services.outputs };
  const selections: Selection[] = [];
  for (const [index, { target }] of targets.entries()) {
    await setImmediate(); // the exact units of a large model take milliseconds
    selections.push(await resolveSelection(sources, target, spaces, `targets[${index}]`));
  }
  const { plugin: evaluator, options } = services.plugins.resolve(
    'evaluator',
    request.measurement?.evaluator,
    'perplexity',
    'measurement.evaluator',
  );
  const text = await services.texts.load(request.measurement?.text, model, 'measurement.text');
  const { maxPositions } = model.language.checkpoint.config;
  const protocol = decodeProtocol(request.measurement?.windows, request.fidelity, text, maxPositions, {
    windows: 'measurement.windows',
    fidelity: 'fidelity',
  });
  const plan = planWindows({ plugin: evaluator, options }, text, protocol, 'measurement.text');
  await requirePrecision(model, evaluator, protocol, plan, 'fidelity');
  model.language.requireMemory({ longest: protocol.window, precision: plan.fidelity.precision });
  const dense = architectureKey(shape.layers);
  const needsRecipe = selections.some(
    ({ keptUnits, architecture }) => keptUnits === undefined && architectureKey(architecture) !== dense,
  );
  const recipe = needsRecipe ? await services.recipes.resolve(request.recipe, model, 'recipe') : undefined;
  const restored = new Map<number, RecipeSpec>();
  for (const [index, { mended }] of selections.entries()) {
    if (mended !== undefined)
      restored.set(index, await services.recipes.restore(mended, request.recipe?.calibration?.text, model));
  }
  const evaluation = { model, selections, plan, recipe, restored, evaluator, evaluatorOptions: options };
  return {
    plan: () => encodePlan(evaluation),
    run: workOn(model, (context) => runEvaluation(services, evaluation, context)),
  };
}

/** Targets before others get a turn. */
const TARGETS_A_TURN = 16;

const DENSE: EvaluateTarget = { target: { $case: 'dense', value: {} } };

interface Evaluation {
  readonly model: OpenModel;
  readonly selections: readonly Selection[];
  readonly plan: EvaluationPlan;
  readonly recipe: RecipeSpec | undefined;
  /** The recipes of manifests whose outputs were mended, by target. */
  readonly restored: ReadonlyMap<number, RecipeSpec>;
  readonly evaluator: Evaluator;
  readonly evaluatorOptions: unknown;
}

async function runEvaluation(
  services: EvaluateServices,
  evaluation: Evaluation,
  context: JobContext,
): Promise<JobResult> {
  const { language } = evaluation.model;
  const ranked =
    evaluation.recipe === undefined
      ? withOwnOrder(language)
      : await services.preparer.prepare(language, evaluation.recipe, workContext(context, 'calibrating'));
  const told = await listTold(evaluation, context);
  const byRecipe = evaluation.selections.flatMap(({ keptUnits, architecture }, index) =>
    keptUnits === undefined && !told.has(index) ? [{ index, architecture }] : [],
  );
  let tokensSpent = sum(told.values()) + (await measure(services, evaluation, ranked, byRecipe, context));
  for (const [index, selection] of evaluation.selections.entries()) {
    const { keptUnits, architecture } = selection;
    if (keptUnits === undefined || told.has(index)) continue;
    const spec = evaluation.restored.get(index);
    const own =
      spec === undefined
        ? withNamedUnits(language, keptUnits)
        : await services.preparer.prepare(language, spec, workContext(context, 'calibrating'));
    requireSameUnits(selection, own, language.shape);
    tokensSpent += await measure(services, evaluation, own, [{ index, architecture }], context);
  }
  return { $case: 'evaluate', value: { evaluated: evaluation.selections.length, tokensSpent: BigInt(tokensSpent) } };
}

/** Tokens spent on the targets that are told already, where an earlier server began the job. Throws JOB_NOT_RESUMABLE where they were measured on something else. */
async function listTold({ model, plan }: Evaluation, context: JobContext): Promise<ReadonlyMap<number, number>> {
  const told = new Map<number, number>();
  const now = { checkpoint: model.language.checkpoint.digest, measurement: measurementFingerprint(plan.measurement) };
  for await (const { payload } of context.stored()) {
    if (payload?.$case !== 'evaluation') continue;
    const { index, tokensSpent, checkpointDigest, measurement } = payload.value;
    const changed = isOther(checkpointDigest, now.checkpoint)
      ? `the model ${model.name}`
      : isOther(measurement?.fingerprint ?? '', now.measurement)
        ? 'the text'
        : undefined;
    if (changed !== undefined)
      throw new PrunecastError(
        'JOB_NOT_RESUMABLE',
        `${changed} has changed since the job began, and its first results would not go together with the others: start another, what is still valid is not paid twice`,
      );
    told.set(index, Number(tokensSpent));
  }
  return told;
}

/** An earlier version told no digest. */
function isOther(then: string, now: string): boolean {
  return then !== '' && then !== now;
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}

/** Measures targets that share a ranking; returns the tokens spent. */
async function measure(
  services: EvaluateServices,
  { model, plan, evaluator, evaluatorOptions }: Evaluation,
  ranked: RankedModel,
  targets: readonly { readonly index: number; readonly architecture: Architecture }[],
  context: JobContext,
): Promise<number> {
  if (targets.length === 0) return 0;
  const { shape, checkpoint } = model.language;
  const target = {
    checkpointDigest: checkpoint.digest,
    requireUnchanged: checkpoint.files.requireUnchanged,
    recipeDigest: ranked.recipeDigest,
    subject: ranked.subject,
    evaluator,
    evaluatorOptions,
    plan,
  };
  let tokensSpent = 0;
  for await (const found of services.labels.label(
    orderLabels(
      target,
      targets.map(({ architecture }) => architecture),
    ),
    workContext(context, 'evaluating'),
  )) {
    const { index, architecture } = targets[found.index] as (typeof targets)[number];
    if ('invalid' in found) throw atField(found.invalid, `targets[${index}]`);
    const { label, record } = found;
    tokensSpent += label.tokensSpent;
    if (record !== undefined) context.keep(record);
    await context.emit({
      $case: 'evaluation',
      value: {
        index,
        metrics: { ...label.metrics },
        architecture: encodeArchitecture(architecture),
        costs: encodeCosts(shape, architecture, [], exportedShape(shape, architecture, ranked.recipe.compensation)),
        measurement: encodeMeasurement(plan.measurement),
        fidelity: encodeFidelity(plan.fidelity),
        recipeDigest: architectureKey(architecture) === architectureKey(shape.layers) ? '' : ranked.recipeDigest,
        scoredTokens: BigInt(label.windowTokens.reduce((sum, tokens) => sum + tokens, 0)),
        tokensSpent: BigInt(label.tokensSpent),
        checkpointDigest: checkpoint.digest,
      },
    });
  }
  return tokensSpent;
}

function countCalibrated(recipe: RecipeSpec | undefined): number {
  return recipe?.calibration?.sequences.reduce((total, { length }) => total + length, 0) ?? 0;
}

async function encodePlan({ model, plan, selections, recipe, restored }: Evaluation): Promise<Plan> {
  const { language } = model;
  const tokens = countCalibrated(recipe) + selections.length * plan.fidelity.tokens;
  const costs: Cost[] = [];
  for (const [index, { architecture, keptUnits }] of selections.entries()) {
    if (index % TARGETS_A_TURN === TARGETS_A_TURN - 1) await setImmediate();
    const { compensation } = (keptUnits === undefined ? recipe : restored.get(index)) ?? {};
    costs.push(
      ...encodeCosts(language.shape, architecture, [], exportedShape(language.shape, architecture, compensation)).slice(
        0,
        1,
      ),
    );
  }
  return {
    trials: BigInt(selections.length),
    tokens: BigInt(tokens),
    peakMemoryBytes: BigInt(language.estimatePeakBytes(plan.windows, plan.fidelity.precision)),
    seconds: await estimateSeconds(model, tokens),
    feasible: [],
    loadsIn: [],
    architectures: selections.map(({ architecture }) => encodeArchitecture(architecture)),
    costs,
  };
}
