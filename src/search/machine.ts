import * as controls from './phases/controls.js';
import * as exporting from './phases/export.js';
import * as fit from './phases/fit.js';
import * as recipe from './phases/recipe.js';
import * as refine from './phases/refine/refine.js';
import * as report from './phases/report/report.js';
import * as sample from './phases/sample/sample.js';
import * as score from './phases/score.js';
import * as search from './phases/search/search.js';
import * as verify from './phases/verify.js';
import { countPairs, type PairsState } from './study/pairs.js';
import { startProgress, unexpected, type Phase, type Progress, type TrialCount } from './study/phase.js';
import { LAST_PHASES, STUDY_PHASES, type StudyPhase, type StudyPlan } from './study/plan.js';
import type { StudyAction, StudyEvent } from './study/steps.js';

/** A study at one moment: where it stands, and what each phase has filled in. */
export interface StudyState
  extends Progress,
    score.ScoreState,
    PairsState,
    fit.FitState,
    refine.RefineState,
    search.SearchState,
    verify.VerifyState,
    exporting.ExportState,
    controls.ControlsState,
    report.ReportState {}

const finished: Phase<StudyState> = {
  next: () => ({ kind: 'none' }),
  apply: (_plan, state, event) => {
    throw unexpected(state, event);
  },
  count: () => [],
};

const PHASES: Readonly<Record<StudyPhase, Phase<StudyState>>> = {
  score,
  recipe,
  sample,
  fit,
  refine,
  search,
  verify,
  export: exporting,
  controls,
  report,
  finished,
};

/** A study before its first step. */
export function startStudy(plan: StudyPlan): StudyState {
  return {
    ...startProgress(plan),
    pairs: [],
    ...score.start,
    ...fit.start,
    ...refine.start,
    ...search.start,
    ...verify.start,
    ...exporting.start,
    ...controls.start,
    ...report.start,
  };
}

/** What a study in this state does next; the same state gives the same action. */
export function next(plan: StudyPlan, state: StudyState): StudyAction {
  if (isPaused(plan, state)) return { kind: 'pause' };
  if (state.waiting.length > 0) return { kind: 'evaluate', points: state.waiting };
  return PHASES[state.phase].next(plan, state);
}

/**
 * The state after an event. Throws RangeError for an event that the phase does not expect: the events are of another
 * plan.
 */
export function apply(plan: StudyPlan, state: StudyState, event: StudyEvent): StudyState {
  if (event.kind === 'resumed') return resume(plan, state);
  let before = state;
  let after = PHASES[state.phase].apply(plan, state, event);
  while (after.phase !== before.phase) {
    before = after;
    after = PHASES[after.phase].enter?.(plan, after) ?? after;
  }
  return after;
}

/** The state that stored events lead to. */
export function replay(plan: StudyPlan, state: StudyState, events: readonly StudyEvent[]): StudyState {
  return events.reduce((reached, event) => apply(plan, reached, event), state);
}

/** Whether a study waits to be resumed before the phase that it has come to. */
export function isPaused({ pauseBefore }: Pick<StudyPlan, 'pauseBefore'>, state: Progress): boolean {
  return pauseBefore.includes(state.phase) && !state.resumed.includes(nameVisit(state));
}

function resume(plan: StudyPlan, state: StudyState): StudyState {
  if (!isPaused(plan, state)) throw new RangeError(`the study does not wait before phase ${state.phase}`);
  return { ...state, resumed: [...state.resumed, nameVisit(state)] };
}

/** A phase may come once per round. */
function nameVisit({ phase, round }: Progress): string {
  return `${phase}/${round}`;
}

/** A phase as it comes in a round. */
export interface PhaseVisit extends Pick<Progress, 'phase' | 'round'> {
  /**
   * The trials that it asks for: as many as it can be, and no fewer unless the space has no more points to give, or a
   * recipe does not allocate what its controls name: then `recipe` has fewer, and the first `sample` as many more.
   */
  readonly trials: readonly TrialCount[];
}

/** The phases of a study in the order in which it comes to them, round by round. */
export function listVisits(plan: StudyPlan): PhaseVisit[] {
  const { refinement, rounds } = plan;
  const visit = (phase: StudyPhase, round: number): PhaseVisit => ({
    phase,
    round,
    trials: PHASES[phase].count(plan, round),
  });
  const listRound = (round: number): StudyPhase[] => {
    const samples = refinement !== undefined && countPairs(plan, round) > 0;
    return [
      ...(refinement === undefined ? [] : (['refine'] as const)),
      ...(samples ? (['sample', 'fit'] as const) : []),
      // Finalists of the round before are pairs too.
      ...(refinement === undefined && round > 1 ? (['fit'] as const) : []),
      'search',
      'verify',
    ];
  };
  return [
    ...(['score', 'recipe', 'sample', 'fit'] as const).map((phase) => visit(phase, 0)),
    ...Array.from({ length: rounds }, (_, index) => index + 1).flatMap((round) =>
      listRound(round).map((phase) => visit(phase, round)),
    ),
    ...LAST_PHASES.map((phase) => visit(phase, rounds)),
  ];
}

/** The trials that a study asks for, by phase, in all rounds. */
export function countByPhase(plan: StudyPlan): ReadonlyMap<StudyPhase, readonly TrialCount[]> {
  const visits = listVisits(plan);
  return new Map(
    STUDY_PHASES.map((phase) => [
      phase,
      visits.filter((visit) => visit.phase === phase).flatMap(({ trials }) => trials),
    ]),
  );
}

/**
 * How many trials a study has, at most, and on how many tokens; calibration apart.
 *
 * @param tokensOf the tokens of a trial on one fidelity of a part
 */
export function countTrials(
  plan: StudyPlan,
  tokensOf: (place: Pick<TrialCount, 'part' | 'rung'>) => number,
): { readonly trials: number; readonly tokens: number } {
  const counts = listVisits(plan).flatMap(({ trials }) => trials);
  return counts.reduce(
    (sum, count) => ({ trials: sum.trials + count.trials, tokens: sum.tokens + count.trials * tokensOf(count) }),
    { trials: 0, tokens: 0 },
  );
}
