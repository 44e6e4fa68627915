import { countPairs, findCentre, type PairsState } from '../../study/pairs.js';
import { ask, record, unexpected, type Progress, type TrialCount } from '../../study/phase.js';
import type { StudyPlan } from '../../study/plan.js';
import type { StudyAction, StudyEvent } from '../../study/steps.js';
import { toPair } from '../../study/trial.js';
import { countRecipePoints } from '../recipe.js';

/*
 * Phase `sample`: pairs are drawn (`drawPairs`) and labelled. The first sample comes from the whole space, that of each
 * round from the space as refined by then.
 */

type State = Progress & PairsState;

export function next(plan: StudyPlan, state: State): StudyAction {
  const { tiedShare, sparseShare, nearShare } = plan.pairs;
  const taken = state.pairs.filter(({ recipe }) => recipe === state.recipe).map(({ counts }) => counts);
  const isFirst = state.round === 0;
  // Level points are pairs of the first sample too.
  const count = Math.max(0, countPairs(plan, state.round) - (isFirst ? taken.length : 0));
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

export function apply<Own extends State>(_plan: StudyPlan, state: Own, event: StudyEvent): Own {
  const leave = (own: Own): Own => ({ ...own, phase: 'fit' });
  switch (event.kind) {
    case 'drawn':
      return ask(
        state,
        event.points.map((counts) => toPair(counts, state.recipe)),
        leave,
      );
    case 'evaluated':
      return record(state, 'pairs', event.trial, leave);
    default:
      throw unexpected(state, event);
  }
}

export function count(plan: StudyPlan, round: number): readonly TrialCount[] {
  const known = round === 0 ? countRecipePoints(plan) : 0;
  return [{ part: 'search', rung: 0, trials: Math.max(0, countPairs(plan, round) - known), compensation: 'one-shot' }];
}
