import { setImmediate } from 'node:timers/promises';
import { selectKeptUnits } from '../../core/model/units.js';
import { decodeCounts } from '../../core/space/search-space.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import type { StudyReport } from '../../gen/prunecast/v1/study_types.js';
import type { StudyState } from '../../search/machine.js';
import { findWinner } from '../../search/phases/verify.js';
import { measurementFingerprint } from '../encoding/measurement.js';
import { planOf } from '../requests/plan-study-texts.js';
import { workContext, type JobContext, type JobOutcome } from '../kinds/job-context.js';
import { writePruned } from '../pruning/write-pruned.js';
import type { SearchServices, Study } from './study.js';
import { createSamplePorts } from './sample-ports.js';
import { driveStudy, type StudyPorts } from './drive.js';
import { openStudyLog, type StudyLog } from './study-log.js';
import { decodeArchitecture } from '../requests/decode-architecture.js';
import { measureLatency } from '../latency/measure-latency.js';
import type { RankedModel } from '../recipes/prepare-recipe.js';
import { encodeReport, metricsOf } from './encode-report.js';
import { describePause } from './resume-study.js';
import { followPhases, planSearchPhases } from './study-phases.js';
import { askPredictors, fitStudy, openStudyPredictors } from './study-predictors.js';
import { findRecipe, prepareRecipe } from './study-recipes.js';

/** Runs a study until it pauses or ends; stores and reports what happens. */
export async function runStudy(services: SearchServices, study: Study, context: JobContext): Promise<JobOutcome> {
  const log = followPhases(
    await openStudyLog(services, study, context),
    study.plan,
    planSearchPhases(study),
    context.phases,
  );
  const ports = createStudyPorts(services, study, log, context);
  const { state, stoppedAt } = await driveStudy(study.plan, log.reached, ports);
  if (stoppedAt === 'pause') return { $case: 'paused', value: await describePause(study.plan, state) };
  const report = await finish(services, study, state, log, context);
  await log.finish(report, JobState.SUCCEEDED);
  return { $case: 'search', value: report };
}

function createStudyPorts(services: SearchServices, study: Study, log: StudyLog, context: JobContext): StudyPorts {
  const { signal } = context;
  return {
    ...createSamplePorts(services, study, log, context),
    fit: (state, pairs) => fitStudy(services, study, state, pairs, context),
    openPredictors: async ({ fit }) => {
      const open = await openStudyPredictors(services.predictors, study.plan, fit, signal);
      return (batch) => askPredictors(open, batch, signal);
    },
    strategy: study.strategy,
    exportWinner: (state) => exportWinner(services, study, state, context),
    signal,
    report: (done, total) => context.progress({ activity: 'predicting candidates', done, total, unit: 'candidates' }),
  };
}

/** Writes the winner, and returns where; an empty text if the study has no output. */
async function exportWinner(
  services: SearchServices,
  { id, model, plan, recipes, windows, output }: Study,
  state: StudyState,
  context: JobContext,
): Promise<string> {
  if (output === undefined) return '';
  const work = workContext(context, 'calibrating');
  const { recipe, ranking } = await prepareRecipe(services.preparer, { model, recipes }, state, work);
  const { layers } = plan.space.shape;
  const winner = findWinner(plan, state);
  const keptUnits = selectKeptUnits(ranking, decodeCounts(plan.space, winner.counts), layers);
  await writePruned(
    services.outputs,
    model,
    { keptUnits, recipe },
    output,
    {
      recipe: findRecipe(recipes, state),
      allocation: '',
      measurements: {
        study_id: id,
        verify: {
          fingerprint: measurementFingerprint(planOf(windows, winner).measurement),
          metrics: metricsOf(plan, winner),
        },
      },
    },
    context,
  );
  return output.output;
}

async function finish(
  services: SearchServices,
  study: Study,
  state: StudyState,
  log: StudyLog,
  context: JobContext,
): Promise<StudyReport> {
  const ranked = await prepareRecipe(services.preparer, study, state, workContext(context, 'calibrating'));
  const report = await encodeReport(study, ranked.ranking, state, log.spent(), breathe);
  return withLatency(study, ranked, report, context);
}

/** The report with the measured latency of the winner if a budget limits latency. */
async function withLatency(
  { model, plan }: Study,
  { recipe }: RankedModel,
  report: StudyReport,
  context: JobContext,
): Promise<StudyReport> {
  const { winner } = report;
  if (winner?.architecture === undefined || plan.budgets.every(({ cost }) => cost.kind !== 'latency_ms')) return report;
  const costs = await measureLatency(
    model.language,
    { recipe, architecture: decodeArchitecture(winner.architecture), budgets: plan.budgets, stated: winner.costs },
    workContext(context, 'measuring latency'),
  );
  return { ...report, winner: { ...winner, costs } };
}

function breathe(): Promise<void> {
  return setImmediate();
}
