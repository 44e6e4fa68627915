import { denseCounts, type Counts, type SearchSpace } from '../../core/space/search-space.js';
import { findUniformPaper, listUniformBest } from '../controls/uniform.js';
import type { StudyPlan } from './study-plan.js';
import { CONTROL_NAMES, findBest, isUsablePair, type StudyState, type TrialPoint, type TrialResult } from './study-state.js';

/** What is to be done next; each is answered by one event, `evaluate` by one for each point. */
export type StudyAction =
  | { readonly kind: 'score' }
  /** Draw distinct pairs that are not among `taken`; `tied` of them with tied layers; answered by `drawn`. */
  | { readonly kind: 'draw'; readonly space: SearchSpace; readonly count: number; readonly tied: number; readonly taken: readonly Counts[]; readonly seed: string }
  | { readonly kind: 'evaluate'; readonly points: readonly TrialPoint[] }
  /** Pairs whose value is finite; answered by `fitted`. */
  | { readonly kind: 'fit'; readonly pairs: readonly TrialResult[] }
  /** Propose new ranges from the newest fit, such that the budgets can still be met. */
  | { readonly kind: 'refine'; readonly space: SearchSpace }
  /** Have the strategy ask the newest predictor, and choose finalists among points that were not finalists before. */
  | { readonly kind: 'predict'; readonly space: SearchSpace; readonly evaluated: readonly TrialResult[]; readonly seed: string }
  | { readonly kind: 'finish' }
  /** Nothing: the study is over. */
  | { readonly kind: 'none' };

/** What a study in this state does next; the same state gives the same action. */
export function nextAction(plan: StudyPlan, state: StudyState): StudyAction {
  if (state.waiting.length > 0) return { kind: 'evaluate', points: state.waiting };
  switch (state.phase) {
    case 'score':
      return { kind: 'score' };
    case 'sample': {
      const count = countPairs(plan, state.round);
      return {
        kind: 'draw',
        space: state.space,
        count,
        tied: state.round === 0 ? Math.round(count * plan.pairs.tiedShare) : 0,
        taken: state.pairs.map(({ counts }) => counts),
        seed: `sample/${state.round}`,
      };
    }
    case 'fit':
      return { kind: 'fit', pairs: state.pairs.filter(isUsablePair) };
    case 'refine':
      return { kind: 'refine', space: state.space };
    case 'search':
      return { kind: 'predict', space: state.space, evaluated: [...state.pairs, ...state.finalists], seed: `search/${state.round}` };
    case 'report':
      return { kind: 'finish' };
    case 'finished':
      return { kind: 'none' };
    case 'verify':
    case 'controls':
      // `applyEvent` fills `waiting` when it enters these phases and leaves them with the last result.
      throw new RangeError(`phase ${state.phase} has nothing waiting`);
  }
}

/** How many pairs a round draws: the first sample, then each round's share of those inside the refined space. */
export function countPairs({ pairs, rounds, refinement }: StudyPlan, round: number): number {
  const inside = refinement === undefined ? 0 : Math.min(pairs.insideCount, pairs.count);
  if (round === 0) return pairs.count - inside;
  return Math.floor((inside * round) / rounds) - Math.floor((inside * (round - 1)) / rounds);
}

/** The points of the phase that a study enters. */
export function listVerifyControls(plan: StudyPlan): TrialPoint[] {
  const paper = findUniformPaper(plan.space, plan.budgets);
  return [
    ...(paper === undefined ? [] : [{ counts: paper.counts, role: 'control', part: 'verify', control: 'uniform-paper' } as const]),
    ...listUniformBest(plan.space, plan.budgets).map((counts) => ({ counts, role: 'control', part: 'verify', control: 'uniform-best' }) as const),
  ];
}

/** The points of the report: the dense model, the winner, and each control, on windows read once. */
export function listReportPoints(plan: StudyPlan, state: StudyState): TrialPoint[] {
  const { counts } = findBest(plan, state.finalists);
  const chosen = CONTROL_NAMES.flatMap((control) => {
    const measured = state.controls.filter((trial) => trial.control === control);
    return measured.length === 0 ? [] : [{ counts: findBest(plan, measured).counts, role: 'control', part: 'report', control } as const];
  });
  return [
    { counts: denseCounts(plan.space), role: 'dense', part: 'report' },
    { counts, role: 'winner', part: 'report' },
    ...chosen,
  ];
}
