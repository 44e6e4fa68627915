import { countParameters } from '../../core/model/parameters.js';
import { decodeCounts, toRates } from '../../core/space/search-space.js';
import { Dimension } from '../../gen/prunecast/v1/common.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import { StudyReport, type StudyEvent as StudyEventMessage, type Trial } from '../../gen/prunecast/v1/study_types.js';
import type { StudyPhase } from '../../search/study/study-plan.js';
import type { StudyEvent, StudyState, TrialResult } from '../../search/study/study-state.js';
import { encodeArchitecture, architectureKey } from '../encoding/architecture.js';
import { fidelityDigest, measurementFingerprint } from '../encoding/measurement.js';
import { encodeRangeChange } from '../encoding/range-change.js';
import { encodeDimension } from '../encoding/space.js';
import type { JobContext } from '../jobs/jobs.js';
import type { SearchServices } from './prepare-search.js';
import type { SampledStudy } from './sample-phase.js';
import { PART_CODES, PHASE_CODES, ROLE_CODES } from './study-codes.js';

/** Stores what a study does, each step in one transaction, and then shows it to those who follow its job. */
export interface StudyLog {
  /** Tells of the phase of a state, once for each time it is entered. */
  enter(state: StudyState): Promise<void>;
  record(before: StudyState, after: StudyState, event: StudyEvent): Promise<void>;
  /** Stores the report. */
  finish(report: StudyReport, state: JobState): Promise<void>;
  /** Seconds by phase so far. */
  spent(): ReadonlyMap<StudyPhase, number>;
}

export async function createStudyLog({ studies, predictors, clock }: Pick<SearchServices, 'studies' | 'predictors' | 'clock'>, study: SampledStudy, { jobId, emit }: JobContext): Promise<StudyLog> {
  const { plan, model } = study;
  const base = { dimensions: plan.space.dimensions.map(({ name }) => name), windows: describeWindows(study), recipes: [study.recipe.digest] };
  await studies.create({
    id: study.id,
    jobId,
    model: model.name,
    checkpointDigest: model.language.checkpoint.digest,
    seed: plan.seed,
    request: study.request,
    plan: { ...base, space: plan.space.dimensions.map((dimension) => Dimension.toJSON(encodeDimension(dimension))), phase: PHASE_CODES.score },
    state: JobState.RUNNING,
    createdMs: clock.now(),
  });
  const seconds = new Map<StudyPhase, number>();
  let trials = 0;
  let since = clock.now();
  let told = '';
  let latest: object = {};
  const tell = (phase: StudyPhase, event: StudyEventMessage['event']): Promise<void> => emit({ $case: 'study', value: { studyId: study.id, phase: PHASE_CODES[phase], event } });
  const describe = ({ space, phase, tokens }: StudyState) => ({ ...base, space: space.dimensions.map((dimension) => Dimension.toJSON(encodeDimension(dimension))), phase: PHASE_CODES[phase], calibrationTokens: tokens.score ?? 0 });
  return {
    async enter(state) {
      const key = `${state.phase}/${state.round}`;
      if (key === told) return;
      told = key;
      await tell(state.phase, { $case: 'phaseStarted', value: { round: state.round } });
    },
    async record(before, after, event) {
      const now = clock.now();
      seconds.set(before.phase, (seconds.get(before.phase) ?? 0) + (now - since) / 1000);
      since = now;
      const trial = event.kind === 'evaluated' ? encodeTrial(study, event.trial, ++trials, before.round) : undefined;
      const moved = before.phase !== after.phase || before.space !== after.space;
      if (moved) latest = describe(after);
      await studies.record(study.id, { events: [event], trials: trial === undefined ? [] : [trial], ...(moved ? { plan: latest } : {}) });
      const message = trial === undefined ? await encodeEvent(event, predictors) : ({ $case: 'trial', value: trial } as const);
      if (message !== undefined) await tell(before.phase, message);
    },
    async finish(report, state) {
      await studies.record(study.id, { plan: { ...latest, report: StudyReport.toJSON(report) }, state });
    },
    spent: () => seconds,
  };
}

function describeWindows({ windows }: SampledStudy) {
  return { measurement: windows.search.measurement, fidelity: windows.search.fidelity };
}

function encodeTrial({ plan, windows, recipe }: SampledStudy, trial: TrialResult, number: number, round: number): Trial {
  const architecture = decodeCounts(plan.space, trial.counts);
  const { measurement, fidelity } = windows[trial.part] ?? windows.search;
  const isDense = architectureKey(architecture) === architectureKey(plan.space.shape.layers);
  return {
    number,
    role: ROLE_CODES[trial.role],
    control: trial.control ?? '',
    part: PART_CODES[trial.part],
    architecture: encodeArchitecture(architecture),
    rates: [...toRates(plan.space, trial.counts)],
    metrics: { [plan.objective.name]: trial.value },
    predicted: trial.predicted,
    parameters: BigInt(countParameters(plan.space.shape, architecture)),
    tokensSpent: BigInt(trial.tokensSpent),
    recipeDigest: isDense ? '' : recipe.digest,
    measurementFingerprint: measurementFingerprint(measurement),
    fidelityDigest: fidelityDigest(fidelity),
    round,
  };
}

/** What followers see of an event; the drawing of points and the ends of phases show by what follows them. */
async function encodeEvent(event: StudyEvent, predictors: SearchServices['predictors']): Promise<StudyEventMessage['event']> {
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
