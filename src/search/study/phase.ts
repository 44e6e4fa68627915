import type { SearchSpace } from '../../core/space/search-space.js';
import type { StudyPhase, StudyPlan } from './plan.js';
import type { StudyAction, StudyEvent } from './steps.js';
import type { CompensationMode, TextPart, TrialPoint, TrialResult } from './trial.js';

/**
 * One phase of a study: a module of pure functions, with the part of the state that the phase fills in. It ends by
 * naming another phase in the state that it returns.
 */
export interface Phase<State> {
  /** The state in which the phase begins, if that differs from the one in which it was entered. */
  readonly enter?: (plan: StudyPlan, state: State) => State;
  /** What to do next. Not asked while points wait to be evaluated. */
  readonly next: (plan: StudyPlan, state: State) => StudyAction;
  /** The state after an event. Throws RangeError for an event that the phase does not expect. */
  readonly apply: (plan: StudyPlan, state: State, event: StudyEvent) => State;
  /**
   * The trials that the phase asks for when it comes in a round: as many as it can ask for, or fewer if the space has
   * no more points to give.
   */
  readonly count: (plan: StudyPlan, round: number) => readonly TrialCount[];
}

/** Trials of one part on one of its fidelities. */
export interface TrialCount {
  readonly part: TextPart;
  readonly rung: number;
  readonly trials: number;
  /** How they are compensated: on their own stream takes a calibration pass each. Of `better` it counts as that. */
  readonly compensation: CompensationMode;
}

/** Where a study stands: what all phases share. */
export interface Progress {
  readonly phase: StudyPhase;
  /** 0 for the first sample and fit, then 1, 2, ... */
  readonly round: number;
  /** As refined so far. */
  readonly space: SearchSpace;
  /** The recipe of all pairs and finalists; the first one until several are compared. */
  readonly recipe: number;
  /** Points that are not evaluated yet, in the order in which they are to be. */
  readonly waiting: readonly TrialPoint[];
  /** These and the points of the same batch that are evaluated already, in the order in which they were asked for. */
  readonly asked: readonly TrialPoint[];
  readonly tokens: Readonly<Partial<Record<StudyPhase, number>>>;
  /** The phases, each with its round, before which the study paused and was resumed. */
  readonly resumed: readonly string[];
}

export function startProgress({ space }: StudyPlan): Progress {
  return { phase: 'score', round: 0, space, recipe: 0, waiting: [], asked: [], tokens: {}, resumed: [] };
}

/** Has points wait for their results; if there are none, the state that `otherwise` gives. */
export function ask<State extends Progress>(
  state: State,
  points: readonly TrialPoint[],
  otherwise: (state: State) => State = (same) => same,
): State {
  return points.length === 0 ? otherwise(state) : { ...state, waiting: points, asked: points };
}

/**
 * Takes a result into a list of the state. Once no point waits any more, `complete` gets the results of the batch in
 * the order in which they were asked for: known labels arrive first, and must not change a fit.
 *
 * Throws RangeError for a result that no point waits for.
 */
export function record<List extends string, State extends Progress & Readonly<Record<List, readonly TrialResult[]>>>(
  state: State,
  list: List,
  trial: TrialResult,
  complete: (state: State, batch: readonly TrialResult[]) => State,
): State {
  const place = state.waiting.findIndex((point) => isSamePoint(point, trial));
  if (place < 0) throw new RangeError(`no ${trial.role} on the ${trial.part} windows waits for this result`);
  const { phase, tokens, asked } = state;
  const known = [...state[list], trial];
  const waiting = state.waiting.toSpliced(place, 1);
  const next: State = {
    ...state,
    waiting,
    tokens: { ...tokens, [phase]: (tokens[phase] ?? 0) + trial.tokensSpent },
    [list]: known,
  };
  if (waiting.length > 0) return next;
  const arrived = known.slice(-asked.length);
  const batch = asked.flatMap((point) => arrived.find((result) => isSamePoint(point, result)) ?? []);
  return complete({ ...next, asked: [], [list]: [...known.slice(0, -asked.length), ...batch] }, batch);
}

function isSamePoint(a: TrialPoint, b: TrialPoint): boolean {
  return MARKS.every((mark) => a[mark] === b[mark]) && a.counts.every((count, index) => count === b.counts[index]);
}

/** What tells two points of the same counts apart. */
const MARKS = [
  'role',
  'part',
  'recipe',
  'compensation',
  'rung',
  'control',
  'curvePoint',
] as const satisfies readonly (keyof TrialPoint)[];

/** For an event that a phase does not expect: the events are not those of this plan. */
export function unexpected({ phase }: Progress, { kind }: StudyEvent): RangeError {
  return new RangeError(`the study is in phase ${phase}, which does not expect the event ${kind}`);
}
