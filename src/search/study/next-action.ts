import type { Budget } from '../../core/budget/budget.js';
import { countsKey, type Counts, type SearchSpace } from '../../core/space/search-space.js';
import { findCentre } from './find-centre.js';
import { isPaused } from './pause.js';
import { scaleBudgets } from './scale-budgets.js';
import type { StudyPlan } from './study-plan.js';
import { listUsablePairs, type StudyState, type TrialPoint, type TrialResult } from './study-state.js';

/** What is to be done next; each is answered by one event, `evaluate` by one for each point. */
export type StudyAction =
  | { readonly kind: 'score' }
  | DrawPairs
  /** Draw distinct random candidates: the control `random`; answered by `drawn`. */
  | { readonly kind: 'draw-candidates'; readonly count: number; readonly seed: string }
  | { readonly kind: 'evaluate'; readonly points: readonly TrialPoint[] }
  /** Pairs whose value is finite; answered by `fitted`. */
  | { readonly kind: 'fit'; readonly pairs: readonly TrialResult[] }
  /** Propose new ranges from the newest fit, such that the budgets can still be met. */
  | { readonly kind: 'refine'; readonly space: SearchSpace }
  | Predict
  | { readonly kind: 'finish' }
  /** Wait until told to go on; answered by `resumed`, or before `refine` by `refined`. */
  | { readonly kind: 'pause' }
  /** Nothing: the study is over. */
  | { readonly kind: 'none' };

/** Draw distinct pairs that are not among `taken`; answered by `drawn`. */
export interface DrawPairs {
  readonly kind: 'draw';
  readonly space: SearchSpace;
  readonly count: number;
  /** Of these, how many with tied layers. */
  readonly tied: number;
  /** Of these, how many with a random part of the dimensions left whole. */
  readonly sparse: number;
  /** Of these, how many around `centre`. */
  readonly near: number;
  readonly centre: Counts | undefined;
  readonly taken: readonly Counts[];
  readonly seed: string;
}

/** Have the strategy ask the newest predictor, and choose finalists among points that were not finalists before. */
export interface Predict {
  readonly kind: 'predict';
  readonly space: SearchSpace;
  /** The study's, or those at a point of the curve. */
  readonly budgets: readonly Budget[];
  readonly candidates: number;
  readonly finalists: number;
  readonly evaluated: readonly TrialResult[];
  /** Were finalists before. */
  readonly verified: readonly Counts[];
  readonly seed: string;
}

/** What a study in this state does next; the same state gives the same action. */
export function nextAction(plan: StudyPlan, state: StudyState): StudyAction {
  if (isPaused(plan, state)) return { kind: 'pause' };
  if (state.waiting.length > 0) return { kind: 'evaluate', points: state.waiting };
  switch (state.phase) {
    case 'score':
      return { kind: 'score' };
    case 'sample':
      return drawPairs(plan, state);
    case 'fit':
      return { kind: 'fit', pairs: listUsablePairs(state) };
    case 'refine':
      return { kind: 'refine', space: state.space };
    case 'search':
      return predict(plan, state);
    case 'controls':
      return { kind: 'draw-candidates', count: countEvaluated(state), seed: 'controls/random' };
    case 'report':
      return { kind: 'finish' };
    case 'finished':
      return { kind: 'none' };
    case 'recipe':
    case 'verify':
      // `applyEvent` fills `waiting` when it enters these phases and leaves them with the last result.
      throw new RangeError(`phase ${state.phase} has nothing waiting`);
  }
}

/** How many pairs a round draws: the first sample, then each round's share of those inside the refined space. */
export function countPairs(
  { pairs, rounds, refinement }: Pick<StudyPlan, 'pairs' | 'rounds' | 'refinement'>,
  round: number,
): number {
  const inside = refinement === undefined ? 0 : Math.min(pairs.insideCount, pairs.count);
  if (round === 0) return pairs.count - inside;
  return Math.floor((inside * round) / rounds) - Math.floor((inside * (round - 1)) / rounds);
}

function drawPairs(plan: StudyPlan, state: StudyState): DrawPairs {
  const { tiedShare, sparseShare, nearShare } = plan.pairs;
  const taken = state.pairs.filter(({ recipe }) => recipe === state.recipe).map(({ counts }) => counts);
  const count = Math.max(0, countPairs(plan, state.round) - (state.round === 0 ? taken.length : 0));
  const isFirst = state.round === 0;
  return {
    kind: 'draw',
    space: state.space,
    count,
    tied: isFirst ? Math.round(count * tiedShare) : 0,
    sparse: isFirst ? Math.round(count * sparseShare) : 0,
    near: isFirst ? Math.round(count * nearShare) : nearShare > 0 ? count : 0,
    centre: findCentre(plan, state)?.counts,
    taken,
    seed: `sample/${state.round}`,
  };
}

function predict(plan: StudyPlan, state: StudyState): Predict {
  const factor = plan.curve?.factors[state.curvePoints];
  const shared = { kind: 'predict', space: state.space, evaluated: listUsablePairs(state) } as const;
  if (plan.curve === undefined || factor === undefined) {
    return {
      ...shared,
      budgets: plan.budgets,
      candidates: plan.candidates,
      finalists: plan.finalists,
      verified: state.finalists.map(({ counts }) => counts),
      seed: `search/${state.round}`,
    };
  }
  return {
    ...shared,
    budgets: scaleBudgets(plan, factor),
    candidates: Math.ceil(plan.candidates / plan.curve.factors.length),
    finalists: plan.curve.finalists,
    verified: [...state.proposed, ...state.finalists].map(({ counts }) => counts),
    seed: `search/${state.round}/${state.curvePoints}`,
  };
}

/** Architectures that the search really evaluated: what `random` gets as many of. */
function countEvaluated({ pairs, finalists, recipe }: StudyState): number {
  return new Set(
    [...pairs.filter((trial) => trial.recipe === recipe), ...finalists].map(({ counts }) => countsKey(counts)),
  ).size;
}
