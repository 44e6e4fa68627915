import { listUsablePairs, type PairsState } from '../../study/pairs.js';
import { unexpected, type Progress, type TrialCount } from '../../study/phase.js';
import { scaleBudgets, type StudyPlan } from '../../study/plan.js';
import type { Predicted, StudyAction, StudyEvent } from '../../study/steps.js';
import type { TrialPoint } from '../../study/trial.js';
import type { VerifyState } from '../verify.js';

/*
 * Phase `search`: the strategy asks the predictors, and the best candidates become finalists (`proposeCandidates`); of
 * a curve once for each of its points. No trial is needed: the finalists are evaluated by `verify`.
 */

export interface SearchState {
  /** Finalists that are not verified yet. */
  readonly proposed: readonly TrialPoint[];
  /** How many points of the curve are searched. */
  readonly curvePoints: number;
  /** Distinct candidates predicted so far. */
  readonly predicted: number;
  /** Those of them outside the rates of the pairs that the predictor was fitted on. */
  readonly outOfRange: number;
}

export const start: SearchState = { proposed: [], curvePoints: 0, predicted: 0, outOfRange: 0 };

type State = Progress & PairsState & SearchState & VerifyState;

export function next(plan: StudyPlan, state: State): StudyAction {
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

export function apply<Own extends State>(plan: StudyPlan, state: Own, event: StudyEvent): Own {
  if (event.kind !== 'predicted') throw unexpected(state, event);
  const searched = {
    ...state,
    predicted: state.predicted + event.predicted,
    outOfRange: state.outOfRange + event.outOfRange,
    proposed: [...state.proposed, ...toFinalists(plan, state, event)],
    curvePoints: state.curvePoints + 1,
  };
  const more = plan.curve !== undefined && searched.curvePoints < plan.curve.factors.length;
  return more ? searched : { ...searched, curvePoints: 0, phase: 'verify' };
}

export function count(): readonly TrialCount[] {
  return [];
}

/** Finalists are verified on the cheapest rung first. */
function toFinalists(plan: StudyPlan, { recipe, curvePoints }: State, { finalists }: Predicted): TrialPoint[] {
  return finalists.map((finalist) => ({
    ...finalist,
    role: 'finalist',
    part: 'verify',
    recipe,
    compensation: 'one-shot',
    rung: 0,
    ...(plan.curve === undefined ? {} : { curvePoint: curvePoints }),
  }));
}
