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
import { digestOf } from '../../engine/files/digest.js';
import { fidelityDigest, measurementFingerprint } from '../encoding/measurement.js';
import { encodeRangeChange } from '../encoding/range-change.js';
import { encodeDimension } from '../encoding/costs.js';
import type { EmittedPayload, JobContext } from '../kinds/job-context.js';
import type { StudyEventRecord } from '../../core/ports/study-store.js';
import { newStudy, studyStep } from '../records/study-records.js';
import type { SearchServices, SampledStudy } from './study.js';
import { listDifferences, notResumable } from '../requests/compare-plans.js';
import { toPlain } from '../requests/plan-document.js';
import type { SearchPlan } from '../requests/plan-search.js';
import { PART_CODES, PHASE_CODES, ROLE_CODES } from '../requests/codes.js';
import { exportedShape } from '../../core/model/add-output-biases.js';
import { findRecipe } from './study-recipes.js';
import { visitKey, type PastVisit } from './study-visits.js';
import { planOf } from '../requests/plan-study-texts.js';
import type { EarlierProgress, StudyProgress } from '../records/read-study.js';
import { encodeWinner, metricsOf } from './encode-report.js';

export type StudyLogServices = Pick<SearchServices, 'studies' | 'predictors' | 'clock'>;

/** Stores what a study does, each step in one transaction, and then reports it to those who follow its job. */
export interface StudyLog {
  /** The state of the study: its start, or the result of the events that an earlier server stored. */
  readonly reached: StudyState;
  /** Stores an event with its effect on the study; reports it, and the phase that begins with it. */
  record(before: StudyState, after: StudyState, event: StudyEvent): Promise<void>;
  /** Stores the report, if there is one, and the final state of the study. */
  finish(report: StudyReport | undefined, state: JobState): Promise<void>;
  /** Seconds per phase so far. */
  spent(): ReadonlyMap<StudyPhase, number>;
  /** What earlier runs did in each visit of a phase, by `visitKey`. */
  readonly past: ReadonlyMap<string, PastVisit>;
}

/**
 * Opens the log of a new study, or of one that an earlier server left: its events are replayed.
 *
 * @throws PrunecastError JOB_NOT_RESUMABLE for a study of an earlier version whose labels would differ now
 */
export async function openStudyLog(
  { studies, predictors, clock }: StudyLogServices,
  study: SampledStudy,
  { jobId, commit }: Pick<JobContext, 'jobId' | 'commit'>,
): Promise<StudyLog> {
  const { plan, model } = study;
  const stored = await studies.find(study.id);
  // A study of an earlier version stays without a plan, and keeps what it stored in its place.
  const earlier = stored !== undefined && stored.plan === undefined ? (stored.progress as EarlierProgress) : undefined;
  const describe = ({ space, phase, tokens, recipe, compensation }: StudyState): StudyProgress => ({
    ...earlier,
    space: space.dimensions.map((dimension) => Dimension.toJSON(encodeDimension(dimension))),
    phase: PHASE_CODES[phase],
    calibrationTokens: tokens.score ?? 0,
    chosen: { recipe, compensation },
  });
  const tell = (phase: StudyPhase, event: StudyEventMessage['event']): EmittedPayload => ({
    $case: 'study',
    value: { studyId: study.id, phase: PHASE_CODES[phase], event },
  });
  // A phase before which the study is paused has not begun.
  const tellStart = (state: StudyState): EmittedPayload[] => (isPaused(plan, state) ? [] : tellBegun(state));
  const tellBegun = ({ phase, round }: StudyState): EmittedPayload[] =>
    phase === 'finished' ? [] : [tell(phase, { $case: 'phaseStarted', value: { round } })];
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
        plan: study.document,
        progress: describe(start),
        report: undefined,
        state: JobState.RUNNING,
        createdMs: clock.now(),
      }),
    ]);
  } else if (earlier !== undefined) requireSameLabels(study, jobId, earlier, await studies.trials(study.id));
  const { reached, past, seconds, trials: known } = replayStored(plan, start, await studies.events(study.id));
  let trials = known;
  let since = clock.now();
  return {
    reached,
    past,
    async record(before, after, event) {
      const now = clock.now();
      const spent = (now - since) / 1000;
      seconds.set(before.phase, (seconds.get(before.phase) ?? 0) + spent);
      since = now;
      const trial = event.kind === 'evaluated' ? encodeTrial(study, event.trial, ++trials, before.round) : undefined;
      const begins = before.phase !== after.phase || before.round !== after.round;
      const moved = begins || before.space !== after.space;
      const message =
        trial === undefined
          ? await encodeEvent(event, { study, before, predictors })
          : ({ $case: 'trial', value: trial } as const);
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
            ...(moved ? { progress: describe(after) } : {}),
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
            ...(report === undefined ? {} : { report: StudyReport.toJSON(report) }),
          }),
        ],
      );
    },
    spent: () => seconds,
  };
}

/**
 * What the stored events lead to, and what is not in the state: the time per phase and per visit, and the number of
 * trials.
 */
function replayStored(plan: StudyPlan, start: StudyState, stored: readonly StudyEventRecord[]) {
  const spent = new Map<StudyPhase, number>();
  const past = new Map<string, PastVisit>();
  let reached = start;
  let trials = 0;
  for (const { event: known, seconds } of stored) {
    const event = readStudyEvent(known);
    spent.set(reached.phase, (spent.get(reached.phase) ?? 0) + seconds);
    const key = visitKey(reached);
    const visit = past.get(key) ?? { seconds: 0, trials: 0 };
    const measured = event.kind === 'evaluated' ? 1 : 0;
    past.set(key, { seconds: visit.seconds + seconds, trials: visit.trials + measured });
    reached = apply(plan, reached, event);
    trials += measured;
  }
  return { reached, past, seconds: spent, trials };
}

/**
 * Refuses a study of an earlier version, which stored no plan, if its stored labels were measured differently from
 * today. Throws JOB_NOT_RESUMABLE with what differs.
 */
function requireSameLabels(
  study: SampledStudy,
  jobId: string,
  { dimensions, windows, recipes }: EarlierProgress,
  trials: readonly Trial[],
): void {
  const { plan, document } = study;
  const known = new Set(listRecipeDigests(document));
  const parts = [document.windows.search, ...document.windows.verify, document.windows.report].filter(
    (part) => part !== null,
  );
  const measured = new Set(parts.map(({ fingerprint, fidelity }) => `${fingerprint} ${fidelity.digest}`));
  const other = trials.find(
    ({ recipeDigest, measurementFingerprint: fingerprint, fidelityDigest: digest }) =>
      (recipeDigest !== '' && !known.has(recipeDigest)) || !measured.has(`${fingerprint} ${digest}`),
  );
  const differences = [
    ...listDifferences(
      { dimensions, recipes, search: windows?.measurement, fidelity: windows && digestOf(windows.fidelity) },
      toPlain({
        dimensions: plan.space.dimensions.map(({ name }) => name),
        recipes: document.recipes.compared.map(({ oneShot }) => oneShot.digest),
        search: study.windows.search.measurement,
        fidelity: document.windows.search.fidelity.digest,
      }),
    ),
    ...(other === undefined
      ? []
      : [
          {
            field: `trials[${other.number}]`,
            was: `measured as ${other.measurementFingerprint} under ${other.recipeDigest}`,
            is: 'measured in another way',
          },
        ]),
  ];
  const [first] = differences;
  if (first !== undefined) throw notResumable(jobId, first, differences);
}

function listRecipeDigests({ recipes: { compared, paper } }: SearchPlan): string[] {
  return [...compared.flatMap(({ oneShot, stream }) => [oneShot, stream]), paper].flatMap(
    (recipe) => recipe?.digest ?? [],
  );
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

/** What followers see of an event. Drawn points and ends of phases are not reported: they show by what follows. */
async function encodeEvent(
  event: StudyEvent,
  {
    study,
    before,
    predictors,
  }: {
    readonly study: SampledStudy;
    readonly before: StudyState;
    readonly predictors: SearchServices['predictors'];
  },
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
    case 'exported':
      return { $case: 'winner', value: encodeWinner(study, before, event) };
    default:
      return undefined;
  }
}
