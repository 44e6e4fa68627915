import { JobState } from '../../gen/prunecast/v1/job.js';
import type { StudyReport } from '../../gen/prunecast/v1/study_types.js';
import type { StudyState } from '../../search/machine.js';
import { breatheUnder } from '../jobs/breathe-under.js';
import { workContext, type JobContext, type JobOutcome } from '../kinds/job-context.js';
import { completeOutput } from '../pruning/complete-output.js';
import { withTraining } from '../pruning/recover-pruned.js';
import type { SearchServices, Study } from './study.js';
import { createSamplePorts } from './sample-ports.js';
import { driveStudy, type StudyPorts } from './drive.js';
import { openStudyLog, type StudyLog } from './study-log.js';
import { decodeArchitecture } from '../requests/decode-architecture.js';
import { measureLatency } from '../latency/measure-latency.js';
import type { RankedModel } from '../recipes/prepare-recipe.js';
import { encodeReport } from './encode-report.js';
import { createWinnerFinish } from './finish-winner.js';
import { describeReport } from './describe-report.js';
import { describePause } from './resume-study.js';
import { followPhases, planSearchPhases } from './study-phases.js';
import { askPredictors, fitStudy, openStudyPredictors } from './study-predictors.js';
import { prepareRecipe } from './study-recipes.js';

/** Runs a study until it pauses or ends; stores and reports what happens. */
export function runStudy(services: SearchServices, study: Study, context: JobContext): Promise<JobOutcome> {
  return withTraining(
    study.model.language,
    context,
    () => run(services, study, context),
    (outcome) => outcome?.$case === 'paused',
  );
}

async function run(services: SearchServices, study: Study, context: JobContext): Promise<JobOutcome> {
  const log = followPhases(
    await openStudyLog(services, study, context),
    study.plan,
    planSearchPhases(study),
    context.phases,
  );
  const ports = createStudyPorts(services, study, log, context);
  const { state, stoppedAt } = await driveStudy(study.plan, log.reached, ports);
  if (stoppedAt === 'pause') return { $case: 'paused', value: await describePause(study.plan, state, context.signal) };
  const report = await withCompletedOutput(
    services,
    study,
    await finish(services, study, state, log, context),
    context,
  );
  await log.finish(report, JobState.SUCCEEDED);
  return { $case: 'search', value: report };
}

function createStudyPorts(services: SearchServices, study: Study, log: StudyLog, context: JobContext): StudyPorts {
  const { signal } = context;
  const winner = createWinnerFinish(services, study, context);
  return {
    ...createSamplePorts(services, study, log, context, winner.prepare),
    fit: (state, pairs) => fitStudy(services, study, state, pairs, context),
    openPredictors: async ({ fit }) => {
      const open = await openStudyPredictors(services.predictors, study.plan, fit, signal);
      return (batch) => askPredictors(open, batch, signal);
    },
    strategy: study.strategy,
    exportWinner: winner.finish,
    signal,
    report: (done, total) => context.progress({ activity: 'predicting candidates', done, total, unit: 'candidates' }),
  };
}

async function finish(
  services: SearchServices,
  study: Study,
  state: StudyState,
  log: StudyLog,
  context: JobContext,
): Promise<StudyReport> {
  const ranked = await prepareRecipe(services.preparer, study, state, workContext(context, 'calibrating'));
  const report = await encodeReport(study, ranked.ranking, state, log.spent(), breatheUnder(context.signal));
  return withLatency(study, ranked, report, context);
}

/** Tells the output of a study its report; the report with the sizes that the forms of the output have then. */
async function withCompletedOutput(
  { outputs }: Pick<SearchServices, 'outputs'>,
  { output }: Study,
  report: StudyReport,
  { jobId }: JobContext,
): Promise<StudyReport> {
  const described = describeReport(report);
  if (output === undefined || described === undefined) return report;
  const sizes = await completeOutput(outputs, output, described, jobId);
  return {
    ...report,
    exports: report.exports.map((form) => ({ ...form, bytes: BigInt(sizes.get(form.output) ?? form.bytes) })),
  };
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
