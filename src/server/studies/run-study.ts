import { setImmediate } from 'node:timers/promises';
import { createRng } from '../../core/random.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import type { StudyReport } from '../../gen/prunecast/v1/study_types.js';
import { apply, next, type StudyState } from '../../search/machine.js';
import type { StudyAction, StudyEvent } from '../../search/study/steps.js';
import { proposeCandidates } from '../../search/phases/search/propose-candidates.js';
import { refineSpace } from '../../search/phases/refine/refine-space.js';
import { workContext, type JobContext, type JobOutcome } from '../kinds/job-context.js';
import { writePruned } from '../pruning/write-pruned.js';
import type { SearchServices } from './search-services.js';
import { performSample } from './sample-phase.js';
import { openStudyLog, type StudyLog } from './study-log.js';
import { decodeArchitecture, decodeKeptUnits } from '../requests/decode-architecture.js';
import { measureLatency } from '../latency/measure-latency.js';
import type { RankedModel } from '../recipes/prepare-recipe.js';
import { encodeReport } from './encode-report.js';
import { describePause } from './resume-study.js';
import { askPredictors, fitStudy, openStudyPredictors } from './study-predictors.js';
import type { Study } from './study.js';
import { findRecipe, prepareRecipe } from './study-recipes.js';

/**
 * Runs a study: asks the pure machine what to do, does it, stores what happened, and tells those who follow the job.
 * Nothing is decided here.
 */
export async function runStudy(services: SearchServices, study: Study, context: JobContext): Promise<JobOutcome> {
  const log = await openStudyLog(services, study, context);
  let state = log.reached;
  for (;;) {
    const action = next(study.plan, state);
    if (action.kind === 'none') break;
    if (action.kind === 'pause') return { $case: 'paused', value: await describePause(study.plan, state) };
    for await (const event of perform(services, study, state, action, context)) {
      const after = apply(study.plan, state, event);
      await log.record(state, after, event);
      state = after;
    }
  }
  const report = await finish(services, study, state, log, context);
  await log.finish(report, JobState.SUCCEEDED);
  return { $case: 'search', value: report };
}

async function* perform(
  services: SearchServices,
  study: Study,
  state: StudyState,
  action: Exclude<StudyAction, { kind: 'none' | 'pause' }>,
  context: JobContext,
): AsyncGenerator<StudyEvent> {
  const { plan } = study;
  const rng = createRng(plan.seed);
  switch (action.kind) {
    case 'score':
    case 'draw':
    case 'draw-candidates':
    case 'evaluate':
      yield* performSample(services, study, action, rng, context);
      return;
    case 'fit':
      yield await fitStudy(services, study, state, action.pairs, context);
      return;
    case 'refine':
      yield { kind: 'refined', changes: await refineSpace(plan, state, breathe) };
      return;
    case 'predict': {
      const open = await openStudyPredictors(services.predictors, plan, state.fit, context.signal);
      yield await proposeCandidates(
        plan,
        {
          ...action,
          strategy: study.strategy.plugin,
          strategyOptions: study.strategy.options,
          predict: (batch) => askPredictors(open, batch, context.signal),
          rng: rng.fork(action.seed),
          signal: context.signal,
          report: (done) =>
            context.progress({ activity: 'predicting candidates', done, total: action.candidates, unit: 'candidates' }),
        },
        breathe,
      );
      return;
    }
    case 'finish':
      yield { kind: 'finished' };
  }
}

async function finish(
  services: SearchServices,
  study: Study,
  state: StudyState,
  log: StudyLog,
  context: JobContext,
): Promise<StudyReport> {
  const ranked = await prepareRecipe(services.preparer, study, state, workContext(context, 'calibrating'));
  const report = await withLatency(
    study,
    ranked,
    await encodeReport(study, ranked.ranking, state, log.spent(), breathe),
    context,
  );
  if (study.output === undefined || report.winnerUnits === undefined) return report;
  await writePruned(
    services.outputs,
    study.model,
    { keptUnits: decodeKeptUnits(report.winnerUnits, study.plan.space.shape.layers), recipe: ranked.recipe },
    study.output,
    {
      recipe: findRecipe(study.recipes, state),
      allocation: '',
      measurements: {
        study_id: study.id,
        summary: report.summary,
        report: { fingerprint: report.measurement?.fingerprint, metrics: report.winner?.metrics },
      },
    },
    workContext(context, 'writing'),
  );
  return { ...report, output: study.output.output };
}

/** The report with the winner's latency really measured, where a budget limits it. */
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
