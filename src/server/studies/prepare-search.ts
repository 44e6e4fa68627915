import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import type { DimensionRange } from '../../gen/prunecast/v1/common.js';
import { SearchRequest, type Plan } from '../../gen/prunecast/v1/pruning.js';
import { listCompanions } from '../../engine/checkpoint/list-companions.js';
import { countTrials } from '../../search/machine.js';
import { countPairs } from '../../search/study/pairs.js';
import { hardestOf } from '../architectures/make-uneven.js';
import { encodeFeasible } from '../encoding/budget.js';
import type { PluginsByKind } from '../../core/ports/plugin-entry.js';
import { estimateSeconds } from '../evaluation/estimate-seconds.js';
import type { EvaluateServices } from '../evaluation/prepare-evaluate.js';
import type { Prepared, RestartedJob, ResumeStep } from '../jobs/runnable-kind.js';
import type { FittedPredictors } from '../predictors/fitted-predictors.js';
import { countInputs, readFeatures } from '../predictors/measure-error-tables.js';
import { findLoaders, planOutput } from '../pruning/prepare-prune.js';
import { createId } from '../records/create-id.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { StudyRecords } from '../records/study-records.js';
import { resumeStudy } from './resume-study.js';
import { workOn } from '../models/work-on.js';
import { runStudy } from './run-study.js';
import type { Study } from './study.js';
import { applyPreset } from './apply-preset.js';
import { chooseStrategy } from './choose-strategy.js';
import { openQuestion, openSubject } from './study-question.js';
import { countCalibrationTokens } from './study-recipes.js';
import { planOf } from './study-texts.js';

export interface SearchServices extends EvaluateServices {
  readonly predictors: FittedPredictors;
  readonly outputs: OutputFolders;
  readonly studies: StudyRecords;
  readonly clock: Clock;
}

/** Chosen by how it ranks pairs that it has not seen. */
const DEFAULT_PREDICTOR = 'auto';

/** Checks a Search request down to its space, windows and output; `run` then runs the study. */
export async function prepareSearch(
  services: SearchServices,
  request: SearchRequest,
  restarted?: RestartedJob,
): Promise<Prepared> {
  const { study, loadsIn } = await openStudy(services, request, restarted);
  return {
    studyId: study.id,
    plan: async () => ({ ...(await describePlan(study)), loadsIn: [...loadsIn] }),
    run: workOn(study.model, (context) => runStudy(services, study, context)),
  };
}

/** Checks what a ResumeJob brings for a study that waits. Throws as `resumeStudy`. */
export async function resumeSearch(
  services: SearchServices,
  request: SearchRequest,
  job: RestartedJob,
  ranges: readonly DimensionRange[],
): Promise<ResumeStep> {
  const { study } = await openStudy(services, request, job);
  return resumeStudy(services, study, job.jobId, ranges);
}

/** The study that a request asks for, or the one that a job has begun, and what will load its winner. */
async function openStudy(
  services: SearchServices,
  asked: SearchRequest,
  restarted: RestartedJob | undefined,
): Promise<{ readonly study: Study; readonly loadsIn: readonly string[] }> {
  const request = applyPreset(asked);
  const question = await openQuestion(services, request);
  const { model, evaluator } = question;
  const predictor = services.plugins.resolve('predictor', request.predictor, DEFAULT_PREDICTOR, 'predictor');
  const strategy = chooseStrategy(services.plugins, request.strategy, question.plan);
  requirePairs(predictor.plugin, countPairs(question.plan, 0));
  const output = request.output === '' ? undefined : await planOutput(services, request, model, restarted);
  const { windows, recipes, plan } = await openSubject(services, request, question);
  const loadsIn =
    output === undefined
      ? []
      : findLoaders(model.language.shape, hardestOf(plan.space, 0), output, recipes.compared[0]?.oneShot);
  if (output !== undefined) await listCompanions(model.language.checkpoint.files); // what cannot be copied to the output is found before any work
  const features = readFeatures(
    request.features,
    recipes.compared.map(({ oneShot }) => oneShot),
    'errors',
  );
  await services.predictors.check(predictor, { columns: countInputs(plan.space, features), metrics: [plan.metric] });
  const study: Study = {
    id: restarted?.studyId ?? createId('study'),
    model,
    plan,
    recipes,
    windows,
    evaluator,
    predictor,
    features,
    strategy,
    output,
    request: SearchRequest.encode(asked).finish(),
  };
  return { study, loadsIn };
}

/** The first sample is split 7:3: the part that is fitted must be enough. */
function requirePairs({ id, pairs }: Pick<PluginsByKind['predictor'], 'id' | 'pairs'>, count: number): void {
  const fitted = Math.floor(0.7 * count);
  if (fitted >= pairs.least) return;
  const needed = Math.ceil(pairs.least / 0.7);
  throw new PrunecastError(
    'PAIRS_TOO_FEW',
    `${id} is fitted on 7 of 10 pairs of the first sample and needs ${pairs.least} there; the plan samples ${count} first: ask for at least ${needed} pairs beside those inside the refined space`,
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

async function describePlan({ model, plan, recipes, windows }: Study): Promise<Plan> {
  const counted = countTrials(plan, (place) => planOf(windows, place).fidelity.tokens);
  const tokens = counted.tokens + countCalibrationTokens(recipes);
  const parts = [windows.search, ...windows.verify, windows.report];
  return {
    trials: BigInt(counted.trials),
    tokens: BigInt(tokens),
    peakMemoryBytes: BigInt(
      Math.max(...parts.map((part) => model.language.estimatePeakBytes(part.windows, part.fidelity.precision))),
    ),
    seconds: await estimateSeconds(model, tokens),
    feasible: encodeFeasible(plan.space, plan.budgets),
    loadsIn: [],
    architectures: [],
    costs: [],
  };
}
