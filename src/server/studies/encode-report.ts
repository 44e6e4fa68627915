import { selectKeptUnits, type Ranking } from '../../core/model/units.js';
import { countParameters } from '../../core/model/parameters.js';
import { countsKey, decodeCounts } from '../../core/space/search-space.js';
import type { TrainingResult } from '../../core/ports/recovery.js';
import type { RecoveryResult, WrittenExport } from '../../gen/prunecast/v1/common.js';
import type { BackendScore } from '../../gen/prunecast/v1/predictor_types.js';
import {
  CompensationFit,
  type Front,
  type RecipeComparison,
  type ReportRow,
  type StudyReport,
  type WinnerFound,
  type Lift as LiftMessage,
} from '../../gen/prunecast/v1/study_types.js';
import { STUDY_PHASES, type StudyPhase, type StudyPlan } from '../../search/study/plan.js';
import { listRecipePoints } from '../../search/phases/recipe.js';
import { findWinner } from '../../search/phases/verify.js';
import { findBest, type TrialResult, nameControl } from '../../search/study/trial.js';
import type { Exported } from '../../search/study/steps.js';
import { listUsablePairs } from '../../search/study/pairs.js';
import type { StudyState } from '../../search/machine.js';
import type { StudyFront } from '../../search/phases/report/write-front.js';
import { writeReportGently, type Lift } from '../../search/phases/report/write-report.js';
import { encodeArchitecture, encodeKeptUnits } from '../encoding/architecture.js';
import { encodeChoice, encodeQuality } from '../encoding/fit-quality.js';
import { encodeMeasurement } from '../encoding/measurement.js';
import { encodeCosts } from '../encoding/costs.js';
import type { SampledStudy, Study } from './study.js';
import { CONTROL_ROWS, PHASE_CODES, type ControlRow } from '../requests/codes.js';
import { exportedShape } from '../../core/model/add-output-biases.js';
import { COSTS_SCHEMA } from '../pruning/describe-output.js';
import { encodeRecovery } from '../pruning/recover-pruned.js';
import { findRecipe } from './study-recipes.js';

/**
 * The report of a study that has ended; the caller stores it.
 *
 * @param breathe lets others run between stretches of work
 */
export async function encodeReport(
  study: Study,
  ranking: Ranking,
  state: StudyState,
  seconds: ReadonlyMap<StudyPhase, number>,
  breathe: () => Promise<void>,
): Promise<StudyReport> {
  const { plan, windows } = study;
  const outcome = await writeReportGently(plan, state, breathe);
  const row = (name: string, trial: TrialResult): ReportRow => encodeRow(study, state, name, trial);
  const winner = decodeCounts(plan.space, outcome.winner.counts);
  return {
    studyId: study.id,
    dense: row('dense', outcome.dense),
    winner: row('winner', outcome.winner),
    recovered: outcome.recovered && row('winner, recovered', outcome.recovered.trial),
    recovery: encodeTraining(study, state.recovery),
    recoveryLift: outcome.recovered && encodeLift(plan.metric.name, outcome.recovered.lift),
    controls: outcome.controls.map((trial) => row(nameControl(trial), trial)),
    leftOutControls: listLeftOut(outcome.controls),
    bestControl: outcome.bestControl ?? '',
    lifts: outcome.lifts.map((lift) => encodeLift(plan.metric.name, lift)),
    predictorId: state.fit?.predictorId ?? '',
    fitQuality: state.fit?.quality === undefined ? undefined : encodeQuality(plan.metric.name, state.fit.quality),
    predictorScores: encodeScores(study, state),
    pairs: listUsablePairs(state).length,
    predicted: BigInt(state.predicted),
    verified: new Set(state.finalists.map(({ counts }) => countsKey(counts))).size,
    tokensSpent: BigInt(Object.values(state.tokens).reduce((sum, tokens) => sum + tokens, 0)),
    ...countLabels(state),
    phases: STUDY_PHASES.filter((phase) => seconds.has(phase)).map((phase) => ({
      phase: PHASE_CODES[phase],
      tokens: BigInt(state.tokens[phase] ?? 0),
      elapsedSeconds: seconds.get(phase) ?? 0,
    })),
    summary: outcome.summary,
    output: state.output,
    exports: encodeExports(state.exports),
    notes: state.output === '' ? [] : [...(study.output?.notes ?? [])],
    winnerUnits: encodeKeptUnits(selectKeptUnits(ranking, winner, plan.space.shape.layers), plan.space.shape.layers),
    measurement: encodeMeasurement(windows.report.measurement),
    recipes: encodeRecipes(study, state),
    compensationFit: state.compensation === 'stream' ? CompensationFit.STREAM : CompensationFit.ONE_SHOT,
    curve: outcome.curve,
    front: outcome.front === undefined ? undefined : encodeFront(study, outcome.front),
  };
}

function listLeftOut(measured: readonly TrialResult[]): ControlRow[] {
  const names = new Set(measured.map(nameControl));
  return CONTROL_ROWS.filter((name) => !names.has(name));
}

function encodeFront(
  { plan, recipes, model }: Study,
  { points, hypervolume, controlHypervolume, reference }: StudyFront,
): Front {
  return {
    points: points.map(({ trial, isKnee }) => {
      const architecture = decodeCounts(plan.space, trial.counts);
      const exported = exportedShape(model.language.shape, architecture, findRecipe(recipes, trial).compensation);
      return {
        architecture: encodeArchitecture(architecture),
        costs: encodeCosts(model.language.shape, architecture, plan.budgets, exported),
        metrics: metricsOf(plan, trial),
        knee: isKnee,
      };
    }),
    hypervolume,
    controlHypervolume,
    reference: [...reference],
  };
}

/** A label that was known costs no tokens. */
function countLabels({
  pairs,
  finalists,
  controls,
  reported,
}: StudyState): Pick<StudyReport, 'labelsPaid' | 'labelsKnown'> {
  const trials = [...pairs, ...finalists, ...controls, ...reported];
  const labelsPaid = trials.filter(({ tokensSpent }) => tokensSpent > 0).length;
  return { labelsPaid, labelsKnown: trials.length - labelsPaid };
}

/** The recipes, the chosen one first, each with its best level architecture. */
function encodeRecipes({ plan, recipes }: Study, state: StudyState): RecipeComparison[] {
  const { pairs, recipe: chosen } = state;
  const tried = new Set(listRecipePoints(plan, state).map(({ counts }) => countsKey(counts)));
  const described = recipes.compared.map(
    ({ oneShot: { digest, criterion, compensation } }, recipe): RecipeComparison => {
      const measured = pairs.filter((trial) => trial.recipe === recipe && tried.has(countsKey(trial.counts)));
      const best = recipes.compared.length === 1 || measured.length === 0 ? undefined : findBest(plan, measured).value;
      return {
        recipeDigest: digest,
        criterion: criterion.plugin.id,
        compensation: compensation.plugin.id,
        best: Number.isFinite(best) ? best : undefined,
      };
    },
  );
  return [...described.slice(chosen, chosen + 1), ...described.filter((_, recipe) => recipe !== chosen)];
}

const NOT_JUDGED = 'it was fitted elsewhere, maybe on these pairs';

/** The judgements on the 7:3 split: of every backend if one was chosen, otherwise of the named one. */
function encodeScores({ plan, predictor }: Study, { fit }: StudyState): BackendScore[] {
  if (fit === undefined || fit.choice !== undefined) return encodeChoice(plan.metric.name, fit?.choice);
  const { name: metric } = plan.metric;
  const score =
    fit.quality === undefined
      ? { quality: undefined, notTried: NOT_JUDGED }
      : { quality: encodeQuality(metric, fit.quality), notTried: '' };
  return [{ backend: predictor.id, chosen: true, ...score, metric }];
}

/** The winner before it is measured on the report windows: without metrics of these. */
export function encodeWinner(
  study: RowStudy & Partial<Pick<Study, 'recovery'>>,
  state: StudyState,
  { output, recovery, exports }: Omit<Exported, 'kind'>,
): WinnerFound {
  return {
    winner: { ...encodeRow(study, state, 'winner', findWinner(study.plan, state)), metrics: {} },
    output,
    recovery: encodeTraining(study, recovery),
    exports: encodeExports(exports),
  };
}

function encodeExports(exports: Exported['exports'] = []): WrittenExport[] {
  return exports.map(({ files, bytes, costs, loadsIn, ...written }) => ({
    ...written,
    files: [...files],
    bytes: BigInt(bytes),
    costs: COSTS_SCHEMA.parse(costs),
    loadsIn: [...loadsIn],
  }));
}

function encodeTraining(
  { recovery }: Partial<Pick<Study, 'recovery'>>,
  trained: TrainingResult | undefined,
): RecoveryResult | undefined {
  return recovery && trained && encodeRecovery(recovery, trained);
}

type RowStudy = Pick<SampledStudy, 'plan' | 'recipes' | 'model'>;

function encodeRow({ plan, recipes, model }: RowStudy, state: StudyState, name: string, trial: TrialResult): ReportRow {
  const { shape } = model.language;
  const architecture = decodeCounts(plan.space, trial.counts);
  const exported = exportedShape(shape, architecture, findRecipe(recipes, trial).compensation);
  const key = countsKey(trial.counts);
  const final = [...state.finalists, ...state.controls].filter(
    ({ part, rung, recipe, compensation }) =>
      part === 'verify' &&
      rung === plan.verifyRungs - 1 &&
      recipe === trial.recipe &&
      compensation === trial.compensation,
  );
  const verified = trial.role === 'recovered' ? undefined : final.find((known) => countsKey(known.counts) === key);
  return {
    name,
    architecture: encodeArchitecture(architecture),
    parameters: BigInt(countParameters(exported, architecture)),
    costs: encodeCosts(shape, architecture, plan.budgets, exported),
    metrics: metricsOf(plan, trial),
    verifyMetrics: verified === undefined ? {} : metricsOf(plan, verified),
    recipeDigest: trial.role === 'dense' ? '' : findRecipe(recipes, trial).digest,
  };
}

/** The metrics of a trial, in their own units; empty if they were not finite, since that is not a measurement. */
export function metricsOf(
  { metric }: Pick<StudyPlan, 'metric'>,
  { metrics, value }: TrialResult,
): Record<string, number> {
  return Number.isFinite(value) ? { ...metrics, [metric.name]: value } : {};
}

/** The lift of a metric; its ends are unset if it has no interval. */
export function encodeLift(metric: string, { control, lift, interval }: Lift): LiftMessage {
  return { control, metric, lift, ...(interval === undefined ? {} : { low: interval[0], high: interval[1] }) };
}
