import { narrowSpace } from '../../core/space/narrow-space.js';
import { countsKey, distinctPoints, type Counts } from '../../core/space/search-space.js';
import { changedRanges } from '../refinement/propose-refinement.js';
import { listRecipePoints, listVerifyControls } from './list-controls.js';
import { listReportPoints } from './list-report-points.js';
import { countPairs } from './next-action.js';
import { goOn } from './pause.js';
import type { StudyPhase, StudyPlan } from './study-plan.js';
import {
  findBest,
  listFinal,
  sortByValue,
  toPair,
  type StudyEvent,
  type StudyState,
  type TrialPoint,
  type TrialResult,
} from './study-state.js';
import { continueVerification } from './verification.js';

/** The state after an event. Throws RangeError for an event that the phase does not expect: a log that was tampered with. */
export function applyEvent(plan: StudyPlan, state: StudyState, event: StudyEvent): StudyState {
  switch (event.kind) {
    case 'scored': {
      expect(state, ['score']);
      const scored = {
        ...state,
        allocations: event.allocations ?? [],
        tokens: { ...state.tokens, score: event.tokensSpent ?? 0 },
      };
      return enter(plan, scored, 'recipe');
    }
    case 'drawn':
      expect(state, ['sample', 'controls']);
      return askOrLeave(
        plan,
        state,
        event.points.map((counts) => describeDrawn(state, counts)),
      );
    case 'evaluated':
      return record(plan, state, event.trial);
    case 'fitted':
      expect(state, ['fit']);
      return leave(plan, { ...state, fit: keepChoice(state.fit, event) }, []);
    case 'refined':
      expect(state, ['refine']);
      return leave(
        plan,
        {
          ...state,
          space: narrowSpace(state.space, changedRanges(event.changes)),
          refinements: [...state.refinements, event.changes],
        },
        [],
      );
    case 'predicted':
      expect(state, ['search']);
      return propose(plan, state, event);
    case 'resumed':
      return goOn(plan, state);
    case 'finished':
      expect(state, ['report']);
      return { ...state, phase: 'finished' };
  }
}

/** The newest fit, with how its backend was once chosen. */
function keepChoice(before: StudyState['fit'], fit: NonNullable<StudyState['fit']>): StudyState['fit'] {
  return before?.choice === undefined ? fit : { choice: before.choice, ...fit };
}

/** Replays stored events. */
export function replay(plan: StudyPlan, state: StudyState, events: readonly StudyEvent[]): StudyState {
  return events.reduce((reached, event) => applyEvent(plan, reached, event), state);
}

function describeDrawn({ phase, recipe }: StudyState, counts: Counts): TrialPoint {
  const pair = toPair(counts, recipe);
  return phase === 'sample' ? pair : { ...pair, role: 'control', control: 'random' };
}

/** New finalists are verified on the cheapest rung first; those of a curve when all its points are searched. */
function propose(
  plan: StudyPlan,
  state: StudyState,
  { predicted, outOfRange, finalists }: Extract<StudyEvent, { kind: 'predicted' }>,
): StudyState {
  const { curvePoints } = state;
  const points = finalists.map(
    (finalist): TrialPoint => ({
      ...finalist,
      role: 'finalist',
      part: 'verify',
      recipe: state.recipe,
      compensation: 'one-shot',
      rung: 0,
      ...(plan.curve === undefined ? {} : { curvePoint: curvePoints }),
    }),
  );
  const next: StudyState = {
    ...state,
    predicted: state.predicted + predicted,
    outOfRange: state.outOfRange + outOfRange,
    proposed: [...state.proposed, ...points],
  };
  if (plan.curve !== undefined && curvePoints + 1 < plan.curve.factors.length)
    return { ...next, curvePoints: curvePoints + 1 };
  return askOrLeave(plan, { ...next, phase: 'verify', proposed: [], curvePoints: 0 }, next.proposed);
}

function record(plan: StudyPlan, state: StudyState, trial: TrialResult): StudyState {
  const place = state.waiting.findIndex((point) => isSamePoint(point, trial));
  if (place < 0)
    throw new RangeError(`a ${trial.role} on the ${trial.part} windows was evaluated that nobody waits for`);
  const list = listOf(trial);
  const next: StudyState = {
    ...state,
    waiting: state.waiting.toSpliced(place, 1),
    tokens: { ...state.tokens, [state.phase]: (state.tokens[state.phase] ?? 0) + trial.tokensSpent },
    [list]: [...state[list], trial],
  };
  if (next.waiting.length > 0) return next;
  const arranged = arrange(next);
  return leave(plan, arranged.state, arranged.batch);
}

/** Where the results of a batch go; all of one batch go to one list. */
function listOf({ role, part }: TrialPoint): 'pairs' | 'finalists' | 'controls' | 'reported' {
  if (part === 'report') return 'reported';
  if (role === 'pair') return 'pairs';
  return role === 'finalist' ? 'finalists' : 'controls';
}

/** The results of a batch that is complete in the order they were asked for: known labels come first, and must not change a fit. */
function arrange(state: StudyState): { readonly state: StudyState; readonly batch: readonly TrialResult[] } {
  const [first] = state.asked;
  if (first === undefined) return { state, batch: [] };
  const list = listOf(first);
  const arrived = state[list].slice(-state.asked.length);
  const batch = state.asked.flatMap((point) => arrived.find((trial) => isSamePoint(point, trial)) ?? []);
  return { state: { ...state, asked: [], [list]: [...state[list].slice(0, -state.asked.length), ...batch] }, batch };
}

/** Has points wait for their results. */
function askFor(state: StudyState, points: readonly TrialPoint[]): StudyState {
  return { ...state, waiting: points, asked: points };
}

function askOrLeave(plan: StudyPlan, state: StudyState, points: readonly TrialPoint[]): StudyState {
  return points.length === 0 ? leave(plan, state, []) : askFor(state, points);
}

function isSamePoint(a: TrialPoint, b: TrialPoint): boolean {
  return PLACES.every((place) => a[place] === b[place]) && a.counts.every((count, index) => count === b.counts[index]);
}

/** What tells two points of the same counts apart. */
const PLACES = [
  'role',
  'part',
  'recipe',
  'compensation',
  'rung',
  'control',
  'curvePoint',
] as const satisfies readonly (keyof TrialPoint)[];

/** What follows a phase, or a batch of it, that is done. */
function leave(plan: StudyPlan, state: StudyState, batch: readonly TrialResult[]): StudyState {
  const { phase, round } = state;
  switch (phase) {
    case 'recipe':
      return enter(plan, { ...state, recipe: chooseRecipe(plan, state) }, 'sample');
    case 'sample':
      return enter(plan, state, 'fit');
    case 'fit':
      if (round === 0) return enter(plan, { ...state, round: 1 }, plan.refinement === undefined ? 'search' : 'refine');
      return enter(plan, state, 'search');
    case 'refine':
      return enter(plan, state, countPairs(plan, round) === 0 ? 'search' : 'sample');
    case 'verify':
      return leaveVerify(plan, state, batch);
    case 'controls':
      return leaveControls(plan, state, batch);
    case 'report':
      // All report trials are in: `finish` comes next, in the same phase.
      return state;
    default:
      throw new RangeError(`phase ${phase} does not end by itself`);
  }
}

/** The recipe whose best point is the best. */
function chooseRecipe(plan: StudyPlan, { pairs }: StudyState): number {
  const { recipe } = findBest(plan, pairs);
  return recipe === 'paper' ? 0 : recipe;
}

function leaveVerify(plan: StudyPlan, state: StudyState, batch: readonly TrialResult[]): StudyState {
  const { round } = state;
  const last = round === plan.rounds;
  const more = batch[0]?.role === 'pair' ? undefined : continueVerification(plan, batch, state.finalists, { last });
  if (more !== undefined) return askFor(state, more);
  if (last) return enter(plan, { ...state, compensation: chooseCompensation(plan, state) }, 'controls');
  // Between rounds the finalists become pairs too: labelled on the search windows, as all pairs are.
  const waiting = listUnpaired(state);
  if (waiting.length > 0) return askFor(state, waiting);
  return enter(plan, { ...state, round: round + 1 }, plan.refinement === undefined ? 'fit' : 'refine');
}

function listUnpaired({ finalists, pairs, recipe }: StudyState): TrialPoint[] {
  const known = new Set(pairs.filter((trial) => trial.recipe === recipe).map(({ counts }) => countsKey(counts)));
  const missing = finalists.map(({ counts }) => counts).filter((counts) => !known.has(countsKey(counts)));
  return distinctPoints(missing).map((counts) => toPair(counts, recipe));
}

/** The stream where the plan says so, or where its best finalist is better than the best of the others. */
function chooseCompensation(plan: StudyPlan, state: StudyState): StudyState['compensation'] {
  const streamed = listFinal(plan, { finalists: state.finalists, compensation: 'stream' });
  if (streamed.length === 0) return 'one-shot';
  if (plan.compensation.mode === 'stream') return 'stream';
  return findBest(plan, [...listFinal(plan, { finalists: state.finalists, compensation: 'one-shot' }), ...streamed])
    .compensation;
}

/** The named controls first, then `random`: drawn, labelled as pairs are, and its best verified as finalists are. */
function leaveControls(plan: StudyPlan, state: StudyState, batch: readonly TrialResult[]): StudyState {
  const [first] = batch;
  if (first?.control !== 'random')
    return plan.controls.includes('random') && first !== undefined ? state : enter(plan, state, 'report');
  if (first.part === 'search') {
    const best = sortByValue(plan, batch).slice(0, plan.finalists * plan.rounds);
    return askFor(
      state,
      best.map(({ counts, recipe }) => ({
        counts,
        role: 'control',
        part: 'verify',
        recipe,
        compensation: 'one-shot',
        rung: 0,
        control: 'random',
      })),
    );
  }
  const verified = state.controls.filter(({ control, part }) => control === 'random' && part === 'verify');
  // Mended as the study has decided by now.
  const decided = { ...plan, compensation: { ...plan.compensation, mode: state.compensation } };
  const more = continueVerification(decided, batch, verified, { last: true });
  return more === undefined ? enter(plan, state, 'report') : askFor(state, more);
}

/** A phase begins; those whose points are known at once have them wait. */
function enter(plan: StudyPlan, state: StudyState, phase: StudyPhase): StudyState {
  const entered = { ...state, phase };
  switch (phase) {
    case 'recipe': {
      const points = listRecipePoints(plan, state);
      return points.length === 0 ? enter(plan, state, 'sample') : askFor(entered, points);
    }
    case 'controls': {
      const points = listVerifyControls(plan, state);
      if (points.length > 0) return askFor(entered, points);
      return plan.controls.includes('random') ? entered : enter(plan, state, 'report');
    }
    case 'report':
      return askFor(entered, listReportPoints(plan, state));
    default:
      return entered;
  }
}

function expect(state: StudyState, phases: readonly StudyPhase[]): void {
  if (!phases.includes(state.phase))
    throw new RangeError(`the study is in phase ${state.phase}, not ${phases.join(' or ')}`);
}
