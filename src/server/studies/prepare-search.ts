import { atField } from '../../core/errors/at-field.js';
import type { Architecture } from '../../core/model/shape.js';
import type { Checkpoint } from '../../engine/checkpoint/checkpoint.js';
import { listCompanions } from '../../engine/checkpoint/list-companions.js';
import type { DimensionRange } from '../../gen/prunecast/v1/common.js';
import { SearchRequest, type Plan } from '../../gen/prunecast/v1/pruning.js';
import { boundStudy, requireAnswerable } from '../encoding/answer-bounds.js';
import { encodeFeasible } from '../encoding/costs.js';
import type { RestartedJob } from '../jobs/jobs.js';
import type { Prepared, ResumeStep } from '../kinds/runnable-kind.js';
import { estimateMemory } from '../estimates/estimate-memory.js';
import { timePhases } from '../estimates/estimate-seconds.js';
import { workOn } from '../models/work-on.js';
import { countInputs } from '../predictors/measure-error-tables.js';
import { listCheckpoints, requireSource, requireWritable } from '../pruning/checkpoint-exporter.js';
import type { OutputPlan } from '../pruning/output-plan.js';
import { countPlannedBytes, findLoaders, planExporters, planOutput } from '../pruning/plan-output.js';
import { countOutputBytes } from '../pruning/written-shape.js';
import { countTrainingBytes, describeTraining, requireTrainable } from '../pruning/recover-pruned.js';
import { createRequestServices } from '../recipes/request-services.js';
import { applyPreset } from '../requests/apply-preset.js';
import { findHardestArchitecture } from '../requests/hardest-architecture.js';
import { requireSamePlan } from '../requests/compare-plans.js';
import { planSearch, readStudyPlan } from '../requests/plan-search.js';
import { resolveSearch } from '../requests/resolve-search.js';
import { createId } from '../records/create-id.js';
import { countKnownTrials } from './count-known-trials.js';
import { countLabelled, findLargest, findLargestOutput, findTypical, planPhases } from './plan-phases.js';
import { resumeStudy } from './resume-study.js';
import { runStudy } from './run-study.js';
import { planSearchPhases } from './study-phases.js';
import type { SearchServices, Study } from './study.js';

/** Checks a Search request, its space, windows and output; `run` then runs the study. */
export async function prepareSearch(
  services: SearchServices,
  request: SearchRequest,
  restarted?: RestartedJob,
): Promise<Prepared> {
  const { study, loadsIn } = await openStudy(services, request, restarted);
  return {
    studyId: study.id,
    plan: study.document,
    phases: planSearchPhases(study),
    estimate: async () => ({ ...(await estimateStudy(services, study)), loadsIn: [...loadsIn] }),
    run: workOn(study.model, (context) => runStudy(services, study, context)),
  };
}

/** Checks what a ResumeJob adds to a paused study. Throws as `resumeStudy`. */
export async function resumeSearch(
  services: SearchServices,
  request: SearchRequest,
  job: RestartedJob,
  ranges: readonly DimensionRange[],
  signal: AbortSignal,
): Promise<ResumeStep> {
  const { study } = await openStudy(services, request, job);
  return resumeStudy(services, study, job.jobId, ranges, signal);
}

/** The study that a request asks for, or that its job has begun, and what will load its winner. */
async function openStudy(
  services: SearchServices,
  asked: SearchRequest,
  restarted: RestartedJob | undefined,
): Promise<{ readonly study: Study; readonly loadsIn: readonly string[] }> {
  const request = applyPreset(asked);
  const model = await services.models.open(request.model);
  const output = request.output === '' ? undefined : await planOutput(services, request, model, restarted);
  const resolving = createRequestServices(services, model);
  const resolved = await resolveSearch(resolving, request);
  const { recipes, predictor, features } = resolved;
  const document = planSearch(
    resolving,
    request,
    resolved,
    output === undefined ? { exporter: null } : planExporters(output),
  );
  requireSamePlan(restarted, document);
  const plan = readStudyPlan(document.study);
  requireAnswerable(boundStudy(plan), 'ask for fewer finalists (`verify.count`), rounds or objectives');
  const loadsIn =
    output === undefined
      ? []
      : findLoaders(model.language.shape, findHardestArchitecture(plan.space, 0), output, recipes.compared[0]?.oneShot);
  await requireCheckpoints(services, model.language.checkpoint, { ...resolved, plan });
  if (output !== undefined) await listCompanions(model.language.checkpoint.files); // a file that cannot be copied to the output is reported before any work
  if (resolved.recovery !== undefined) requireTrainable(model.language, findLargest(plan), resolved.recovery);
  await services.predictors.check(predictor, { columns: countInputs(plan.space, features), metrics: [plan.metric] });
  const study: Study = {
    ...resolved,
    plan,
    document,
    id: restarted?.studyId ?? createId('study'),
    model,
    output,
    request: SearchRequest.encode(asked).finish(),
  };
  return { study, loadsIn };
}

/** Throws EXPORT_UNSUPPORTED if an evaluator measures checkpoints, and an architecture of the space cannot be written. */
async function requireCheckpoints(
  { plugins }: Pick<SearchServices, 'plugins'>,
  checkpoint: Checkpoint,
  study: Pick<Study, 'plan' | 'recipes' | 'windows' | 'further'>,
): Promise<void> {
  const architecture = findHardestArchitecture(study.plan.space, 0);
  const addsBias = study.recipes.compared.some(({ oneShot }) => oneShot.compensation.plugin.addsBias);
  for (const { asked, field } of listStudyCheckpoints(study)) {
    await requireSource(plugins, asked, checkpoint, field);
    try {
      requireWritable(plugins, asked, { shape: checkpoint.shape, architecture }, addsBias);
    } catch (error) {
      throw atField(error, field);
    }
  }
}

/** The checkpoints that each trial of a study is measured as, and the fields of their evaluators. */
function listStudyCheckpoints({ windows, further }: Pick<Study, 'windows' | 'further'>) {
  return [
    { plan: windows.search, field: 'evaluator' },
    ...further.map((own, index) => ({ plan: own.windows.search, field: `further_measurements[${index}].evaluator` })),
  ].flatMap(({ plan, field }) => listCheckpoints([plan]).map((asked) => ({ asked, field })));
}

/** The bytes of the output of about the winner, without its measurements and the report, which are not known yet. */
function countWinnerBytes(study: Study, output: OutputPlan, winner: Architecture): Promise<number> {
  const { model, plan, recipes } = study;
  const provenance = { recipe: recipes.compared[0]?.oneShot, allocation: '', measurements: {}, budgets: plan.budgets };
  return countPlannedBytes(model, winner, output, findLargestOutput(study, output).by, provenance);
}

async function estimateStudy({ studies }: Pick<SearchServices, 'studies'>, study: Study): Promise<Plan> {
  const { model, plan, windows, further, recipes, output, recovery } = study;
  const { shape } = model.language;
  const winner = findTypical(plan);
  const knownTrials = await countKnownTrials(studies, study.document);
  return {
    ...(await timePhases(model, planPhases(study, knownTrials))),
    ...estimateMemory(
      model,
      [
        windows.search,
        ...windows.verify,
        windows.report,
        ...further.flatMap((own) =>
          [own.windows.search, ...(own.windows.verify ?? []), own.windows.report ?? []].flat(),
        ),
      ],
      recipes.compared.map(({ oneShot }) => oneShot),
      {
        compensated: { architecture: winner, count: countLabelled(plan) },
        ...(recovery === undefined ? {} : { training: describeTraining(winner, recovery) }),
      },
    ),
    diskBytes: BigInt(
      Math.max(
        output === undefined ? 0 : await countWinnerBytes(study, output, winner),
        listStudyCheckpoints(study).length === 0 ? 0 : countOutputBytes(shape, findLargest(plan)),
      ) + countTrainingBytes(shape, winner, recovery),
    ),
    streamFit: undefined,
    loads: [],
    feasible: encodeFeasible(plan.space, plan.budgets),
    loadsIn: [],
    notes: [...(output?.notes ?? [])],
    architectures: [],
    costs: [],
  };
}
