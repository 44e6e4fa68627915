import { narrowSpace } from '../../core/space/narrow-space.js';
import { countsKey } from '../../core/space/search-space.js';
import { changedRanges } from '../refinement/propose-refinement.js';
import { countPairs, listReportPoints, listVerifyControls } from './next-action.js';
import type { StudyPhase, StudyPlan } from './study-plan.js';
import type { StudyEvent, StudyState, TrialPoint, TrialResult } from './study-state.js';

/** The state after an event. Throws RangeError for an event that the phase does not expect: a log that was tampered with. */
export function applyEvent(plan: StudyPlan, state: StudyState, event: StudyEvent): StudyState {
  switch (event.kind) {
    case 'scored':
      expect(state, 'score');
      return enter(plan, { ...state, tokens: { ...state.tokens, score: event.tokensSpent ?? 0 } }, 'sample');
    case 'drawn': {
      expect(state, 'sample');
      const waiting = event.points.map((counts): TrialPoint => ({ counts, role: 'pair', part: 'search' }));
      return waiting.length === 0 ? leave(plan, state) : askFor(state, waiting);
    }
    case 'evaluated':
      return record(plan, state, event.trial);
    case 'fitted':
      expect(state, 'fit');
      return leave(plan, { ...state, fit: event });
    case 'refined':
      expect(state, 'refine');
      return leave(plan, { ...state, space: narrowSpace(state.space, changedRanges(event.changes)), refinements: [...state.refinements, event.changes] });
    case 'predicted': {
      expect(state, 'search');
      const waiting = event.finalists.map(({ counts, predicted }): TrialPoint => ({ counts, predicted, role: 'finalist', part: 'verify' }));
      const next = { ...state, predicted: state.predicted + event.predicted, outOfRange: state.outOfRange + event.outOfRange };
      const verifying: StudyState = { ...next, phase: 'verify' };
      return waiting.length === 0 ? leave(plan, verifying) : askFor(verifying, waiting);
    }
    case 'finished':
      expect(state, 'report');
      return { ...state, phase: 'finished' };
  }
}

/** Replays stored events. */
export function replay(plan: StudyPlan, state: StudyState, events: readonly StudyEvent[]): StudyState {
  return events.reduce((reached, event) => applyEvent(plan, reached, event), state);
}

function record(plan: StudyPlan, state: StudyState, trial: TrialResult): StudyState {
  const place = state.waiting.findIndex((point) => isSamePoint(point, trial));
  if (place < 0) throw new RangeError(`a ${trial.role} on the ${trial.part} windows was evaluated that nobody waits for`);
  const next: StudyState = {
    ...state,
    waiting: state.waiting.toSpliced(place, 1),
    tokens: { ...state.tokens, [state.phase]: (state.tokens[state.phase] ?? 0) + trial.tokensSpent },
    ...fileTrial(state, trial),
  };
  return next.waiting.length === 0 ? leave(plan, arrange(next)) : next;
}

function fileTrial(state: StudyState, trial: TrialResult): Partial<StudyState> {
  const list = listOf(trial);
  return { [list]: [...state[list], trial] };
}

/** Where the results of a batch go; all of one batch go to one list. */
function listOf({ role, part }: TrialPoint): 'pairs' | 'finalists' | 'controls' | 'reported' {
  if (part === 'report') return 'reported';
  if (role === 'pair') return 'pairs';
  return role === 'finalist' ? 'finalists' : 'controls';
}

/** The results of a batch that is complete in the order they were asked for: known labels come first, and must not change a fit. */
function arrange(state: StudyState): StudyState {
  const [first] = state.asked;
  if (first === undefined) return state;
  const list = listOf(first);
  const before = state[list].slice(0, -state.asked.length);
  const arrived = state[list].slice(-state.asked.length);
  const inOrder = state.asked.flatMap((point) => arrived.find((trial) => isSamePoint(point, trial)) ?? []);
  return { ...state, asked: [], [list]: [...before, ...inOrder] };
}

/** Has points wait for their results. */
function askFor(state: StudyState, points: readonly TrialPoint[]): StudyState {
  return { ...state, waiting: points, asked: points };
}

function listUnpaired({ finalists, pairs }: StudyState): TrialPoint[] {
  const known = new Set(pairs.map(({ counts }) => countsKey(counts)));
  return finalists.filter(({ counts }) => !known.has(countsKey(counts))).map(({ counts }) => ({ counts, role: 'pair', part: 'search' }));
}

function isSamePoint(a: TrialPoint, b: TrialPoint): boolean {
  return a.role === b.role && a.part === b.part && a.control === b.control && a.counts.every((count, index) => count === b.counts[index]);
}

/** What follows a phase that is done. */
function leave(plan: StudyPlan, state: StudyState): StudyState {
  const { phase, round } = state;
  switch (phase) {
    case 'sample':
      return enter(plan, state, 'fit');
    case 'fit':
      if (round === 0) return plan.refinement === undefined ? enter(plan, { ...state, round: 1 }, 'search') : enter(plan, { ...state, round: 1 }, 'refine');
      return enter(plan, state, 'search');
    case 'refine':
      return countPairs(plan, round) === 0 ? enter(plan, state, 'search') : enter(plan, state, 'sample');
    case 'verify': {
      if (round === plan.rounds) return enter(plan, state, 'controls');
      // Between rounds the finalists become pairs too: labelled on the search windows, as all pairs are.
      const waiting = listUnpaired(state);
      if (waiting.length > 0) return askFor(state, waiting);
      return enter(plan, { ...state, round: round + 1 }, plan.refinement === undefined ? 'fit' : 'refine');
    }
    case 'controls':
      return enter(plan, state, 'report');
    case 'report':
      // All report trials are in: `finish` comes next, in the same phase.
      return state;
    default:
      throw new RangeError(`phase ${phase} does not end by itself`);
  }
}

/** A phase begins; those whose points are known at once have them wait. */
function enter(plan: StudyPlan, state: StudyState, phase: StudyPhase): StudyState {
  const entered = { ...state, phase };
  if (phase === 'controls') {
    const waiting = listVerifyControls(plan);
    return waiting.length === 0 ? enter(plan, state, 'report') : askFor(entered, waiting);
  }
  return phase === 'report' ? askFor(entered, listReportPoints(plan, state)) : entered;
}

function expect(state: StudyState, phase: StudyPhase): void {
  if (state.phase !== phase) throw new RangeError(`the study is in phase ${state.phase}, not ${phase}`);
}
