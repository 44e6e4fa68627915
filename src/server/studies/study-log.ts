import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countParameters } from '../../core/model/parameters.js';
import { decodeCounts, toRates } from '../../core/space/search-space.js';
import { Dimension } from '../../gen/prunecast/v1/common.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import { StudyReport, type StudyEvent as StudyEventMessage, type Trial } from '../../gen/prunecast/v1/study_types.js';
import { apply, isPaused, startStudy, type StudyState } from '../../search/machine.js';
import type { StudyPhase, StudyPlan } from '../../search/study/plan.js';
import { readStudyEvent, type StudyEvent } from '../../search/study/steps.js';
import { type TrialResult, nameControl } from '../../search/study/trial.js';
import { architectureKey } from '../../core/model/architecture-key.js';
import { encodeArchitecture } from '../encoding/architecture.js';
import { fidelityDigest, measurementFingerprint } from '../encoding/measurement.js';
import { encodeRangeChange } from '../encoding/range-change.js';
import { encodeDimension } from '../encoding/costs.js';
import type { EmittedPayload, JobContext } from '../jobs/jobs.js';
import type { StudyEventRecord } from '../../core/ports/study-store.js';
import { newStudy, studyStep, type StudyRecord } from '../records/study-records.js';
import type { SearchServices } from './search-services.js';
import type { SampledStudy } from './sample-phase.js';
import { PART_CODES, PHASE_CODES, ROLE_CODES } from '../requests/codes.js';
import { exportedShape } from '../../core/model/add-output-biases.js';
import { findRecipe } from './study-recipes.js';
import { planOf } from '../requests/plan-study-texts.js';
import { metricsOf } from './trial-metrics.js';

export type StudyLogServices = Pick<SearchServices, 'studies' | 'predictors' | 'clock'>;

/** Stores what a study does, each step in one transaction, and then shows it to those who follow its job. */
export interface StudyLog {
  /** Where the study stands: at its start, or where the events lead that an earlier server stored. */
  readonly reached: StudyState;
  /** Stores an event and what it makes of the study, tells of it, and of the phase that begins with it. */
  record(before: StudyState, after: StudyState, event: StudyEvent): Promise<void>;
  /** Stores the report, if there is one, and the state that the study ends in. */
  finish(report: StudyReport | undefined, state: JobState): Promise<void>;
  /** Seconds by phase so far. */
  spent(): ReadonlyMap<StudyPhase, number>;
}

/**
 * Opens the log of a study: a new one, or one that an earlier server left, whose events are replayed.
 *
 * @throws PrunecastError JOB_NOT_RESUMABLE where the model or the windows are no longer what the study began with
 */
export async function openStudyLog(
  { studies, predictors, clock }: StudyLogServices,
  study: SampledStudy,
  { jobId, commit }: Pick<JobContext, 'jobId' | 'commit'>,
): Promise<StudyLog> {
  const { plan, model } = study;
  const base = {
    dimensions: plan.space.dimensions.map(({ name }) => name),
    windows: describeWindows(study),
    recipes: study.recipes.compared.map(({ oneShot }) => oneShot.digest),
  };
  const describe = ({ space, phase, tokens, recipe, compensation }: StudyState) => ({
    ...base,
    space: space.dimensions.map((dimension) => Dimension.toJSON(encodeDimension(dimension))),
    phase: PHASE_CODES[phase],
    calibrationTokens: tokens.score ?? 0,
    chosen: { recipe, compensation },
  });
  const tell = (phase: StudyPhase, event: StudyEventMessage['event']): EmittedPayload => ({
    $case: 'study',
    value: { studyId: study.id, phase: PHASE_CODES[phase], event },
  });
  // A phase that the study waits before has not begun.
  const tellStart = (state: StudyState): EmittedPayload[] => (isPaused(plan, state) ? [] : tellBegun(state));
  const tellBegun = ({ phase, round }: StudyState): EmittedPayload[] =>
    phase === 'finished' ? [] : [tell(phase, { $case: 'phaseStarted', value: { round } })];
  const stored = await studies.find(study.id);
  const start = startStudy(plan);
  if (stored === undefined) {
    await commit(tellStart(start), [
      newStudy({
        id: study.id,
        jobId,
        model: model.name,
        checkpointDigest: model.language.checkpoint.digest,
        seed: plan.seed,
        request: study.request,
        plan: describe(start),
        state: JobState.RUNNING,
        createdMs: clock.now(),
      }),
    ]);
  } else requireUnchanged(study, stored);
  const { reached, seconds, trials: known } = replayStored(plan, start, await studies.events(study.id));
  let trials = known;
  let since = clock.now();
  let latest: object = describe(reached);
  return {
    reached,
    async record(before, after, event) {
      const now = clock.now();
      const spent = (now - since) / 1000;
      seconds.set(before.phase, (seconds.get(before.phase) ?? 0) + spent);
      since = now;
      const trial = event.kind === 'evaluated' ? encodeTrial(study, event.trial, ++trials, before.round) : undefined;
      const begins = before.phase !== after.phase || before.round !== after.round;
      const moved = begins || before.space !== after.space;
      if (moved) latest = describe(after);
      const message =
        trial === undefined ? await encodeEvent(event, predictors) : ({ $case: 'trial', value: trial } as const);
      await commit(
        [
          ...(isPaused(plan, before) ? tellBegun(before) : []),
          ...(message === undefined ? [] : [tell(before.phase, message)]),
          ...(begins ? tellStart(after) : []),
        ],
        [
          studyStep(study.id, {
            events: [event],
            seconds: spent,
            trials: trial === undefined ? [] : [trial],
            ...(moved ? { plan: latest } : {}),
          }),
        ],
      );
    },
    async finish(report, state) {
      await study.model.language.checkpoint.files.requireUnchanged();
      await commit(
        [],
        [
          studyStep(study.id, {
            state,
            ...(report === undefined ? {} : { plan: { ...latest, report: StudyReport.toJSON(report) } }),
          }),
        ],
      );
    },
    spent: () => seconds,
  };
}

/** What stored events lead to, and what is not in the state: the time by phase, and how many trials there are. */
function replayStored(plan: StudyPlan, start: StudyState, stored: readonly StudyEventRecord[]) {
  const spent = new Map<StudyPhase, number>();
  let reached = start;
  let trials = 0;
  for (const { event: known, seconds } of stored) {
    const event = readStudyEvent(known);
    spent.set(reached.phase, (spent.get(reached.phase) ?? 0) + seconds);
    reached = apply(plan, reached, event);
    if (event.kind === 'evaluated') trials += 1;
  }
  return { reached, seconds: spent, trials };
}

/** Labels of another model or of other windows do not go together with those that are stored. */
function requireUnchanged(study: SampledStudy, { checkpointDigest, plan }: StudyRecord): void {
  const { windows } = plan as { readonly windows: ReturnType<typeof describeWindows> };
  const [then, now] = [windows, describeWindows(study)].map(({ measurement, fidelity }) =>
    [measurementFingerprint(measurement), fidelityDigest(fidelity)].join(),
  );
  const changed =
    checkpointDigest !== study.model.language.checkpoint.digest
      ? `the model ${study.model.name}`
      : then !== now
        ? 'the text, or how it is measured,'
        : undefined;
  if (changed === undefined) return;
  throw new PrunecastError(
    'JOB_NOT_RESUMABLE',
    `${changed} has changed since the study ${study.id} began: start another, what is still valid is not paid twice`,
    { metadata: { study_id: study.id } },
  );
}

function describeWindows({ windows }: SampledStudy) {
  return { measurement: windows.search.measurement, fidelity: windows.search.fidelity };
}

function encodeTrial(
  { plan, windows, recipes, model }: SampledStudy,
  trial: TrialResult,
  number: number,
  round: number,
): Trial {
  const architecture = decodeCounts(plan.space, trial.counts);
  const { measurement, fidelity } = planOf(windows, trial);
  const isDense = architectureKey(architecture) === architectureKey(plan.space.shape.layers);
  return {
    number,
    role: ROLE_CODES[trial.role],
    control: trial.control === undefined ? '' : nameControl(trial),
    part: PART_CODES[trial.part],
    architecture: encodeArchitecture(architecture),
    rates: [...toRates(plan.space, trial.counts)],
    metrics: metricsOf(plan, trial),
    predicted: trial.predicted,
    parameters: BigInt(
      countParameters(
        exportedShape(model.language.shape, architecture, findRecipe(recipes, trial).compensation),
        architecture,
      ),
    ),
    tokensSpent: BigInt(trial.tokensSpent),
    recipeDigest: isDense ? '' : findRecipe(recipes, trial).digest,
    measurementFingerprint: measurementFingerprint(measurement),
    fidelityDigest: fidelityDigest(fidelity),
    round,
  };
}

/** What followers see of an event; the drawing of points and the ends of phases show by what follows them. */
async function encodeEvent(
  event: StudyEvent,
  predictors: SearchServices['predictors'],
): Promise<StudyEventMessage['event']> {
  switch (event.kind) {
    case 'fitted':
      return { $case: 'predictor', value: (await predictors.open(event.predictorId)).predictor };
    case 'refined':
      return {
        $case: 'refined',
        value: {
          ranges: event.changes.map(encodeRangeChange),
        },
      };
    case 'predicted':
      return {
        $case: 'predicted',
        value: {
          predicted: BigInt(event.predicted),
          outOfRange: BigInt(event.outOfRange),
          finalists: event.finalists.length,
          bestPredicted: event.finalists[0]?.predicted ?? Number.NaN,
        },
      };
    default:
      return undefined;
  }
}
