import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { rankKeptFirst, selectKeptUnits } from '../../core/model/units.js';
import { decodeCounts } from '../../core/space/search-space.js';
import type { TrainingResult } from '../../core/ports/recovery.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import { listCompanions } from '../../engine/checkpoint/list-companions.js';
import type { RankedRecipe } from '../../engine/language-model.js';
import { addWork, NO_WORK } from '../../engine/runtime/count-work.js';
import type { PruneResult } from '../../gen/prunecast/v1/job.js';
import type { Plan, PruneRequest } from '../../gen/prunecast/v1/pruning.js';
import { findCalibrationErrorAllocation } from '../../search/controls/calibration-error.js';
import { boundPruneResult, requireAnswerable } from '../encoding/answer-bounds.js';
import { encodeArchitecture } from '../encoding/architecture.js';
import { encodeCosts, encodeFeasible } from '../encoding/costs.js';
import { breatheUnder } from '../jobs/breathe-under.js';
import { workContext, type JobContext, type JobResult } from '../kinds/job-context.js';
import type { RestartedJob } from '../jobs/jobs.js';
import type { PhasePlan } from '../jobs/phase-log.js';
import type { Prepared } from '../kinds/runnable-kind.js';
import { measureLatency } from '../latency/measure-latency.js';
import { estimateMemory } from '../estimates/estimate-memory.js';
import { planPhase, timePhases, type PlannedPhase } from '../estimates/estimate-seconds.js';
import { listLoads } from '../models/list-loads.js';
import { workOn } from '../models/work-on.js';
import type { OpenModel, OpenModels } from '../models/open-models.js';
import { measureLayerErrors } from '../recipes/allocation-inputs.js';
import {
  countCalibrated,
  countCompensations,
  countErrors,
  countPasses,
  countPreparation,
} from '../estimates/count-recipe-work.js';
import type { RankedModel, RecipePreparer } from '../recipes/prepare-recipe.js';
import { createRequestServices, type ResolvingServices } from '../recipes/request-services.js';
import { findHardestArchitecture } from '../requests/hardest-architecture.js';
import { requireSamePlan } from '../requests/compare-plans.js';
import { planPrune } from '../requests/plan-prune.js';
import { resolvePrune, type ResolvedPrune } from '../requests/resolve-prune.js';
import { requireSameUnits, type Selection } from '../requests/resolve-selection.js';
import {
  countPlannedBytes,
  countWrittenBytes,
  findLoaders,
  planExporters,
  planOutput,
  timeWriting,
  type OutputServices,
} from './plan-output.js';
import type { ComputedBy } from './list-compensated-tensors.js';
import { planStreamFit } from './plan-stream-fit.js';
import {
  countTrainingBytes,
  describeRecovery,
  describeTraining,
  encodeRecovery,
  estimateRecovery,
  recoverPruned,
  requireTrainable,
  withTraining,
} from './recover-pruned.js';
import type { OutputPlan } from './output-plan.js';
import { EXPORT_PHASE, planOutputPhases, writePruned } from './write-pruned.js';
import { planWrittenShape } from './written-shape.js';

export interface PruneServices extends ResolvingServices, OutputServices {
  readonly models: OpenModels;
  readonly outputs: OutputFolders;
  readonly preparer: RecipePreparer;
}

/** Checks a Prune request, its architecture and its output; `run` then ranks, cuts and writes. */
export async function preparePrune(
  services: PruneServices,
  request: PruneRequest,
  restarted?: RestartedJob,
): Promise<Prepared> {
  const model = await services.models.open(request.model);
  const { shape } = model.language;
  const output = await planOutput(services, request, model, restarted);
  const resolving = createRequestServices(services, model);
  const resolved = await resolvePrune(resolving, request);
  const { selection, recipe, byError, recovery } = resolved;
  const plan = planPrune(resolving, resolved, planExporters(output));
  requireSamePlan(restarted, plan);
  requireAnswerable(
    boundPruneResult(shape.layers, selection.snapped.length),
    'the kept units of a model of this size do not fit into an answer',
  );
  const loadsIn = findLoaders(
    shape,
    byError === undefined ? selection.architecture : findHardestArchitecture(byError.space, 1),
    output,
    recipe,
  );
  await listCompanions(model.language.checkpoint.files); // a file that cannot be copied to the output is reported before any work
  if (recovery !== undefined) requireTrainable(model.language, selection.architecture, recovery);
  const pruning = { model, selection, byError, output, recipe, recovery };
  return {
    plan,
    phases: planPhases(pruning),
    estimate: () => estimatePruning(services, pruning, loadsIn),
    requireStartable: () => {
      if (request.output === '')
        throw PrunecastError.ofField('output', 'is empty: name a folder relative to the output root');
    },
    run: workOn(model, (context) => runPrune(services, pruning, context)),
  };
}

async function estimatePruning(
  { plugins }: Pick<PruneServices, 'plugins'>,
  pruning: Pruning,
  loadsIn: readonly string[],
): Promise<Plan> {
  const { model, selection, byError, output, recipe, recovery } = pruning;
  const { shape } = model.language;
  const [first] = output.exports;
  const written = first && planWrittenShape(shape, selection.architecture, first, recipe?.compensation);
  return {
    ...(await timePhases(model, estimatePhases(pruning))),
    ...estimateMemory(
      model,
      [],
      recipe === undefined ? [] : [recipe],
      recovery === undefined ? {} : { training: describeTraining(selection.architecture, recovery) },
    ),
    diskBytes: BigInt(
      (await countPlannedBytes(model, selection.architecture, output, computedBy(pruning), {
        recipe,
        allocation: selection.allocation,
        measurements: {},
        budgets: selection.budgets?.budgets ?? [],
      })) + countTrainingBytes(shape, selection.architecture, recovery),
    ),
    streamFit: planStreamFit(shape, recipe, byError === undefined ? selection.architecture : undefined),
    feasible: selection.budgets === undefined ? [] : encodeFeasible(selection.budgets.space, selection.budgets.budgets),
    loadsIn: [...loadsIn],
    notes: [...output.notes],
    loads:
      byError === undefined
        ? await listLoads(model.language.checkpoint, plugins, {
            architecture: selection.architecture,
            exporters: output.exports,
          })
        : [],
    // If the budget is allocated by calibration error, the architecture is known only after the calibration.
    architectures: byError === undefined ? [encodeArchitecture(selection.architecture)] : [],
    costs: byError === undefined ? encodeCosts(shape, selection.architecture, selection.budgets?.budgets, written) : [],
  };
}

function computedBy({ recipe, recovery }: Pruning): ComputedBy {
  return { compensation: recipe?.compensation, isTrained: recovery !== undefined };
}

function estimatePhases(pruning: Pruning): PlannedPhase[] {
  const {
    model,
    selection: { architecture },
    byError,
    output,
    recipe,
    recovery,
  } = pruning;
  const { shape } = model.language;
  const recovered = recovery === undefined ? [] : [estimateRecovery(shape, architecture, recovery)];
  const written = planPhase(EXPORT_PHASE, {
    seconds: timeWriting(countWrittenBytes(model.language, architecture, output, computedBy(pruning))),
  });
  if (recipe === undefined) return [...recovered, written];
  return [
    planPhase('calibrate', { tokens: countCalibrated(recipe).tokens, work: countPasses(shape, [recipe]) }),
    // Errors of the recipe's own compensation make it ready on the way.
    ...(byError === undefined ? [] : [planPhase('allocate', { work: countErrors(shape, recipe) })]),
    planPhase('compensate', {
      work: addWork(
        byError === undefined ? countPreparation(shape, recipe) : NO_WORK,
        countCompensations(shape, recipe, architecture, 1),
      ),
    }),
    ...recovered,
    written,
  ].filter(({ work, seconds }) => work.products + work.factors + seconds > 0);
}

interface Pruning extends ResolvedPrune {
  readonly model: OpenModel;
  readonly output: OutputPlan;
}

/** The phases of a Prune job. */
function planPhases(pruning: Pruning): PhasePlan[] {
  const { recipe, byError, recovery } = pruning;
  return [
    ...(recipe === undefined ? [] : [{ name: 'calibrate', tokens: countCalibrated(recipe).tokens }]),
    ...(byError === undefined ? [] : [{ name: 'allocate' }]),
    ...planOutputPhases(recipe === undefined ? [] : [recipe], recovery),
    ...(limitsLatency(pruning) ? [{ name: 'measure-latency' }] : []),
  ];
}

function limitsLatency({ selection }: Pruning): boolean {
  return selection.budgets?.budgets.some(({ cost }) => cost.kind === 'latency_ms') ?? false;
}

async function runPrune(services: PruneServices, pruning: Pruning, context: JobContext): Promise<JobResult> {
  const { model, selection, byError, output, recipe, recovery } = pruning;
  const { language } = model;
  const { phases } = context;
  if (recipe !== undefined) phases.enter('calibrate');
  const ranked =
    recipe === undefined
      ? undefined
      : await services.preparer.prepare(language, recipe, workContext(context, 'calibrating'));
  if (byError !== undefined) phases.enter('allocate');
  const { architecture, allocation } = (await shareAnew(services, pruning, ranked, context)) ?? selection;
  const keptUnits =
    ranked === undefined ? selection.keptUnits : selectKeptUnits(ranked.ranking, architecture, language.shape.layers);
  if (ranked !== undefined) requireSameUnits(selection, ranked, language.shape);
  if (keptUnits === undefined)
    throw new PrunecastError('INTERNAL', 'neither a recipe nor named units say what is kept');
  const write = async (
    written: RankedRecipe | undefined,
    trained: TrainingResult | undefined,
  ): Promise<PruneResult> => {
    const result = await writePruned(
      services.outputs,
      model,
      { keptUnits, recipe: written },
      output,
      {
        recipe,
        allocation,
        measurements: {},
        budgets: selection.budgets?.budgets ?? [],
        ...(recovery === undefined || trained === undefined ? {} : { recovery: describeRecovery(recovery, trained) }),
      },
      context,
    );
    return {
      ...result,
      recovery: recovery === undefined || trained === undefined ? undefined : encodeRecovery(recovery, trained),
    };
  };
  const result =
    recovery === undefined
      ? await write(ranked?.recipe, undefined)
      : await withTraining(language, context, async () => {
          const recipe = ranked?.recipe ?? { ranking: rankKeptFirst(keptUnits, language.shape.layers) };
          const recovered = await recoverPruned(language, { recipe, architecture, recovery }, context);
          return write(recovered.recipe, recovered.result);
        });
  if (limitsLatency(pruning)) phases.enter('measure-latency');
  const costs =
    ranked === undefined
      ? result.costs
      : await measureLatency(
          language,
          { recipe: ranked.recipe, architecture, budgets: selection.budgets?.budgets ?? [], stated: result.costs },
          workContext(context, 'measuring latency'),
        );
  return {
    $case: 'prune',
    value: {
      ...result,
      costs,
      snapped: selection.snapped.map(({ dimension, rate, snappedTo }) => ({ dimension, asked: rate, used: snappedTo })),
    },
  };
}

/** Allocates the budgets by calibration error; undefined if there are none, or the errors are unknown. */
async function shareAnew(
  { plugins }: PruneServices,
  { model, byError, recipe }: Pruning,
  ranked: RankedModel | undefined,
  context: JobContext,
): Promise<Pick<Selection, 'architecture' | 'allocation'> | undefined> {
  if (byError === undefined || recipe === undefined || ranked === undefined) return undefined;
  const errors = await measureLayerErrors(
    plugins,
    model.language,
    recipe,
    ranked,
    workContext(context, 'measuring calibration errors'),
  );
  if (errors === undefined) return undefined;
  const found = await findCalibrationErrorAllocation(
    byError.space,
    errors,
    byError.budgets,
    breatheUnder(context.signal),
  );
  if (found === undefined) throw new RangeError('a budget that a uniform rate meets could not be allocated');
  return { architecture: decodeCounts(byError.space, found.counts), allocation: 'calibration-error' };
}
