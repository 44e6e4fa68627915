import { atField } from '../../core/errors/at-field.js';
import { exportedShape } from '../../core/model/add-output-biases.js';
import { architectureKey } from '../../core/model/architecture-key.js';
import type { Architecture } from '../../core/model/shape.js';
import {
  addWork,
  countObservation,
  countObservedTokens,
  measureObservation,
  NO_WORK,
} from '../../engine/runtime/count-work.js';
import type { ObservationRequest } from '../../core/ports/evaluator.js';
import type { Cost } from '../../gen/prunecast/v1/common.js';
import type { EvaluateRequest, Plan } from '../../gen/prunecast/v1/pruning.js';
import { breatheUnder } from '../jobs/breathe-under.js';
import { encodeArchitecture } from '../encoding/architecture.js';
import { encodeCosts } from '../encoding/costs.js';
import { encodeFound } from '../encoding/further-results.js';
import { measurementFingerprint } from '../encoding/measurement.js';
import { workContext, type JobContext, type JobResult } from '../kinds/job-context.js';
import type { RestartedJob } from '../jobs/jobs.js';
import type { PhasePlan } from '../jobs/phase-log.js';
import type { Prepared } from '../kinds/runnable-kind.js';
import type { ArchitectureLabels } from '../labels/label-task.js';
import { groupPlans } from '../labels/group-plans.js';
import { measureArchitectures } from '../labels/measure-architectures.js';
import type { Label } from '../../core/ports/label-store.js';
import { traceMeasured } from '../labels/trace-measured.js';
import type { Tracer } from '../../core/ports/tracer.js';
import { estimateMemory } from '../estimates/estimate-memory.js';
import { planPhase, timePhases, type PlannedPhase } from '../estimates/estimate-seconds.js';
import { workOn } from '../models/work-on.js';
import type { OpenModel, OpenModels } from '../models/open-models.js';
import { listCheckpoints, requireSource, requireWritable } from '../pruning/checkpoint-exporter.js';
import { timeWriting } from '../pruning/plan-output.js';
import { countOutputBytes } from '../pruning/written-shape.js';
import { withNamedUnits, withOwnOrder, type RankedModel, type RecipePreparer } from '../recipes/prepare-recipe.js';
import { countCalibrated, countCompensations, countPasses, countPreparation } from '../estimates/count-recipe-work.js';
import { createRequestServices, type ResolvingServices } from '../recipes/request-services.js';
import { listDifferences, notResumable, requireSamePlan } from '../requests/compare-plans.js';
import { planEvaluate } from '../requests/plan-evaluate.js';
import { resolveEvaluate, type ResolvedEvaluate } from '../requests/resolve-evaluate.js';
import type { ResolvedRecipe } from '../requests/recipe.js';
import { requireSameUnits } from '../requests/resolve-selection.js';

export interface EvaluateServices extends ResolvingServices {
  readonly models: OpenModels;
  readonly preparer: RecipePreparer;
  readonly labels: ArchitectureLabels;
  readonly tracer: Tracer;
}

/**
 * Checks an Evaluate request and its windows; `run` then measures, and sends an event per result.
 *
 * @param signal ends the checks, and the estimate
 */
export async function prepareEvaluate(
  services: EvaluateServices,
  request: EvaluateRequest,
  signal: AbortSignal,
  restarted?: RestartedJob,
): Promise<Prepared> {
  const breathe = breatheUnder(signal);
  const model = await services.models.open(request.model);
  const resolving = createRequestServices(services, model);
  const evaluation = { model, ...(await resolveEvaluate(resolving, request, breathe)) };
  await requireCheckpoints(services, evaluation);
  const plan = planEvaluate(resolving, evaluation);
  requireSamePlan(restarted, plan);
  return {
    plan,
    phases: planPhases(evaluation),
    estimate: () => estimateEvaluation(evaluation, breathe),
    run: workOn(model, (context) => runEvaluation(services, evaluation, context)),
  };
}

interface Evaluation extends ResolvedEvaluate {
  readonly model: OpenModel;
}

/** The recipe of a target; undefined if the caller named its units. */
function recipeOf({ selections, recipe, restored }: Evaluation, index: number): ResolvedRecipe | undefined {
  return selections[index]?.keptUnits === undefined ? recipe : restored.get(index);
}

/** Throws EXPORT_UNSUPPORTED for a target that an evaluator measures as a checkpoint, and that cannot be written. */
async function requireCheckpoints(
  { plugins }: Pick<EvaluateServices, 'plugins'>,
  evaluation: Evaluation,
): Promise<void> {
  const { shape, checkpoint } = evaluation.model.language;
  for (const [place, { plan }] of evaluation.measurements.entries())
    for (const asked of listCheckpoints([plan]))
      await requireSource(
        plugins,
        asked,
        checkpoint,
        place === 0 ? 'measurement.evaluator' : `further_measurements[${place - 1}].evaluator`,
      );
  for (const asked of listCheckpoints(evaluation.measurements.map(({ plan }) => plan)))
    for (const [index, { architecture }] of evaluation.selections.entries()) {
      const addsBias = recipeOf(evaluation, index)?.compensation.plugin.addsBias === true;
      try {
        requireWritable(plugins, asked, { shape, architecture }, addsBias);
      } catch (error) {
        throw atField(error, `targets[${index}]`);
      }
    }
}

/** The number of costs counted before other work gets a turn. */
const TARGETS_PER_TURN = 16;

/** What is observed of a target: once what several measurements ask for. */
function listObservations(measurements: Evaluation['measurements']): ObservationRequest[] {
  return groupPlans(measurements.map(({ plan }) => plan)).map(({ request }) => request);
}

/** Tokens that are run for a target. */
function countTokens(measurements: Evaluation['measurements']): number {
  return sum(listObservations(measurements).map((request) => countObservedTokens(measureObservation(request))));
}

/** The phases of an Evaluate job. */
function planPhases({ recipe, selections, measurements }: Evaluation): PhasePlan[] {
  const total = selections.length;
  return [
    ...(recipe === undefined ? [] : [{ name: 'calibrate', tokens: countCalibrated(recipe).tokens }]),
    { name: 'measure', tokens: total * countTokens(measurements), total, unit: 'targets' },
  ];
}

async function runEvaluation(
  services: EvaluateServices,
  evaluation: Evaluation,
  context: JobContext,
): Promise<JobResult> {
  const { language } = evaluation.model;
  const { phases } = context;
  if (evaluation.recipe !== undefined) phases.enter('calibrate');
  const ranked =
    evaluation.recipe === undefined
      ? withOwnOrder(language)
      : await services.preparer.prepare(language, evaluation.recipe, workContext(context, 'calibrating'));
  const told = await listTold(evaluation, context);
  const byRecipe = evaluation.selections.flatMap(({ keptUnits, architecture }, index) =>
    keptUnits === undefined && !told.has(index) ? [{ index, architecture }] : [],
  );
  phases.enter('measure');
  let measured = told.size;
  phases.count(measured);
  const count = (): void => phases.count(++measured);
  let tokensSpent = sum(told.values()) + (await measure(services, evaluation, ranked, byRecipe, context, count));
  for (const [index, selection] of evaluation.selections.entries()) {
    const { keptUnits, architecture } = selection;
    if (keptUnits === undefined || told.has(index)) continue;
    const spec = evaluation.restored.get(index);
    const own =
      spec === undefined
        ? withNamedUnits(language, keptUnits)
        : await services.preparer.prepare(language, spec, workContext(context, 'calibrating'));
    requireSameUnits(selection, own, language.shape);
    tokensSpent += await measure(services, evaluation, own, [{ index, architecture }], context, count);
  }
  return { $case: 'evaluate', value: { evaluated: evaluation.selections.length, tokensSpent: BigInt(tokensSpent) } };
}

/**
 * Tokens spent on the targets whose results are stored, if an earlier server began the job. A job of an earlier version
 * stored no plan: throws JOB_NOT_RESUMABLE if its results were measured on something else.
 */
async function listTold(
  { model, measurements: [first] }: Evaluation,
  context: JobContext,
): Promise<ReadonlyMap<number, number>> {
  const told = new Map<number, number>();
  const today = {
    checkpointDigest: model.language.checkpoint.digest,
    measurement: first === undefined ? '' : measurementFingerprint(first.plan.measurement),
  };
  for await (const { payload } of context.stored()) {
    if (payload?.$case !== 'evaluation') continue;
    const { index, tokensSpent, checkpointDigest, measurement } = payload.value;
    const before = { checkpointDigest, measurement: measurement?.fingerprint ?? '' };
    // The first version stored no digest.
    const other = [...listDifferences(before, today)].find(({ was }) => was !== '');
    if (other !== undefined) throw notResumable(context.jobId, other);
    told.set(index, Number(tokensSpent));
  }
  return told;
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}

/** Measures targets with the same ranking, and tells of each that is measured; returns the tokens spent. */
async function measure(
  services: EvaluateServices,
  { model, measurements }: Evaluation,
  ranked: RankedModel,
  targets: readonly { readonly index: number; readonly architecture: Architecture }[],
  context: JobContext,
  measured: () => void,
): Promise<number> {
  if (targets.length === 0) return 0;
  const { shape, checkpoint } = model.language;
  const target = {
    checkpointDigest: checkpoint.digest,
    requireUnchanged: checkpoint.files.requireUnchanged,
    recipeDigest: ranked.recipeDigest,
    subject: ranked.subject,
    measurements: measurements.map(({ name, evaluator: { plugin, options }, plan }) => ({
      name,
      evaluator: plugin,
      options,
      plan,
    })),
  };
  let tokensSpent = 0;
  const results = measureArchitectures(
    services.labels,
    target,
    targets.map(({ architecture }) => architecture),
    workContext(context, 'evaluating'),
  );
  for await (const found of traceMeasured(services.tracer, results, (index) => ({
    name: 'label',
    attributes: { 'prunecast.target': targets[index]?.index ?? 0 },
  }))) {
    const { index, architecture } = targets[found.index] as (typeof targets)[number];
    if ('invalid' in found) throw atField(found.invalid, `targets[${index}]`);
    tokensSpent += found.tokensSpent;
    for (const record of found.records) context.keep(record);
    measured();
    const [first, ...further] = measurements.map((own, place) => encodeFound(own, found.labels[place] as Label));
    if (first === undefined) continue;
    const { name: _, ...own } = first;
    await context.emit({
      $case: 'evaluation',
      value: {
        ...own,
        index,
        further,
        architecture: encodeArchitecture(architecture),
        costs: encodeCosts(shape, architecture, [], exportedShape(shape, architecture, ranked.recipe.compensation)),
        recipeDigest: architectureKey(architecture) === architectureKey(shape.layers) ? '' : ranked.recipeDigest,
        tokensSpent: BigInt(found.tokensSpent),
        checkpointDigest: checkpoint.digest,
      },
    });
  }
  return tokensSpent;
}

async function estimateEvaluation(evaluation: Evaluation, breathe: () => Promise<void>): Promise<Plan> {
  const { model, measurements, selections, recipe } = evaluation;
  const { language } = model;
  const costs: Cost[] = [];
  for (const [index, { architecture }] of selections.entries()) {
    if (index % TARGETS_PER_TURN === TARGETS_PER_TURN - 1) await breathe();
    const { compensation } = recipeOf(evaluation, index) ?? {};
    costs.push(
      ...encodeCosts(language.shape, architecture, [], exportedShape(language.shape, architecture, compensation)).slice(
        0,
        1,
      ),
    );
  }
  return {
    ...(await timePhases(model, estimatePhases(evaluation))),
    ...estimateMemory(
      model,
      measurements.map(({ plan }) => plan),
      recipe === undefined ? [] : [recipe],
    ),
    diskBytes: BigInt(Math.max(0, ...listWrittenBytes(evaluation))), // one after the other
    streamFit: undefined,
    loads: [],
    feasible: [],
    loadsIn: [],
    notes: [],
    architectures: selections.map(({ architecture }) => encodeArchitecture(architecture)),
    costs,
  };
}

function estimatePhases({ model, measurements, selections, recipe, restored }: Evaluation): PlannedPhase[] {
  const { shape } = model.language;
  const sizes = listObservations(measurements).map(measureObservation);
  const measured = selections.map(({ architecture, keptUnits }, index) => {
    const losses = addWork(...sizes.map((own) => countObservation(shape, architecture, own)));
    if (keptUnits === undefined)
      return addWork(losses, recipe === undefined ? NO_WORK : countCompensations(shape, recipe, architecture, 1));
    // An output of an earlier call, whose recipe is prepared when its turn comes.
    const own = restored.get(index);
    return own === undefined
      ? losses
      : addWork(
          losses,
          countPasses(shape, [own]),
          countPreparation(shape, own),
          countCompensations(shape, own, architecture, 1),
        );
  });
  const calibrated =
    recipe === undefined
      ? []
      : [
          planPhase('calibrate', {
            tokens: countCalibrated(recipe).tokens,
            work: addWork(countPasses(shape, [recipe]), countPreparation(shape, recipe)),
          }),
        ];
  return [
    ...calibrated.filter(({ work }) => work.products + work.factors > 0),
    planPhase('measure', {
      trials: selections.length,
      tokens: selections.length * countTokens(measurements),
      work: addWork(...measured),
      seconds: listWrittenBytes({ model, measurements, selections }).reduce(
        (sum, bytes) => sum + timeWriting(bytes),
        0,
      ),
    }),
  ];
}

/** The bytes of each checkpoint that is written for evaluators. */
function listWrittenBytes({
  model,
  measurements,
  selections,
}: Pick<Evaluation, 'model' | 'measurements' | 'selections'>): number[] {
  return listObservations(measurements)
    .filter(({ checkpoint }) => checkpoint !== undefined)
    .flatMap(() => selections.map(({ architecture }) => countOutputBytes(model.language.shape, architecture)));
}
