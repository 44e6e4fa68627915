import { selectKeptUnits, type Ranking } from '../../core/model/units.js';
import { countParameters } from '../../core/model/parameters.js';
import { countsKey, decodeCounts } from '../../core/space/search-space.js';
import type { ReportRow, StudyReport } from '../../gen/prunecast/v1/study_types.js';
import { STUDY_PHASES, type StudyPhase } from '../../search/study/study-plan.js';
import type { StudyState, TrialResult } from '../../search/study/study-state.js';
import { writeReport } from '../../search/study/write-report.js';
import { encodeArchitecture, encodeKeptUnits } from '../encoding/architecture.js';
import { encodeChoice } from '../encoding/predictor-choice.js';
import { encodeQuality } from '../encoding/fit-quality.js';
import { encodeMeasurement } from '../encoding/measurement.js';
import { encodeCosts } from '../encoding/space.js';
import type { Study } from './study.js';
import { PHASE_CODES } from './study-codes.js';

/** The report of a finished study; not yet written anywhere. */
export function encodeReport(study: Study, ranking: Ranking, state: StudyState, seconds: ReadonlyMap<StudyPhase, number>): StudyReport {
  const { plan, windows } = study;
  const outcome = writeReport(plan, state);
  const row = (name: string, trial: TrialResult): ReportRow => encodeRow(study, state, name, trial);
  const winner = decodeCounts(plan.space, outcome.winner.counts);
  return {
    studyId: study.id,
    dense: row('dense', outcome.dense),
    winner: row('winner', outcome.winner),
    controls: outcome.controls.map((trial) => row(trial.control ?? '', trial)),
    bestControl: outcome.bestControl ?? '',
    lifts: outcome.lifts.map(({ control, lift, interval: [low, high] }) => ({ control, metric: plan.objective.name, lift, low, high })),
    predictorId: state.fit?.predictorId ?? '',
    fitQuality: state.fit === undefined ? undefined : encodeQuality(plan.objective.name, state.fit.quality),
    predictorScores: encodeChoice(plan.objective.name, state.fit?.choice),
    pairs: state.pairs.length,
    predicted: BigInt(state.predicted),
    verified: state.finalists.length,
    tokensSpent: BigInt(Object.values(state.tokens).reduce((sum, tokens) => sum + tokens, 0)),
    phases: STUDY_PHASES.filter((phase) => seconds.has(phase)).map((phase) => ({
      phase: PHASE_CODES[phase],
      tokens: BigInt(state.tokens[phase] ?? 0),
      seconds: seconds.get(phase) ?? 0,
    })),
    summary: outcome.summary,
    output: '',
    winnerUnits: encodeKeptUnits(selectKeptUnits(ranking, winner, plan.space.shape.layers)),
    measurement: encodeMeasurement(windows.report.measurement),
  };
}

function encodeRow({ plan, recipe }: Study, state: StudyState, name: string, trial: TrialResult): ReportRow {
  const { shape } = plan.space;
  const architecture = decodeCounts(plan.space, trial.counts);
  const key = countsKey(trial.counts);
  const verified = [...state.finalists, ...state.controls].find((known) => countsKey(known.counts) === key);
  return {
    name,
    architecture: encodeArchitecture(architecture),
    parameters: BigInt(countParameters(shape, architecture)),
    costs: encodeCosts(shape, architecture),
    metrics: { [plan.objective.name]: trial.value },
    verifyMetrics: verified === undefined ? {} : { [plan.objective.name]: verified.value },
    recipeDigest: trial.role === 'dense' ? '' : recipe.digest,
  };
}
