import { denseCounts } from '../../../core/space/search-space.js';
import { findUniformPaper } from '../../controls/uniform.js';
import { ask, record, unexpected, type Progress, type TrialCount } from '../../study/phase.js';
import { CONTROL_NAMES, scaleBudgets, type StudyPlan } from '../../study/plan.js';
import type { StudyAction, StudyEvent } from '../../study/steps.js';
import { findBest, type RecipeChoice, type TrialPoint, type TrialResult } from '../../study/trial.js';
import type { ControlsState } from '../controls.js';
import { countFinal, findWinner, listFinal, type VerifyState } from '../verify.js';

/*
 * Phase `report`: the dense model, the winner before and after its recovery, each control and the points of a curve are
 * measured on the report windows, which nothing else reads. Then the report is written (`writeReport`).
 */

export interface ReportState {
  /** On the report windows. */
  readonly reported: readonly TrialResult[];
}

export const start: ReportState = { reported: [] };

/** What a report is written from. */
export type FinalState = VerifyState & ControlsState & ReportState;

type State = Progress & FinalState;

export function enter<Own extends State>(plan: StudyPlan, state: Own): Own {
  return ask(state, listReportPoints(plan, state));
}

export function next(): StudyAction {
  return { kind: 'finish' };
}

export function apply<Own extends State>(_plan: StudyPlan, state: Own, event: StudyEvent): Own {
  switch (event.kind) {
    case 'evaluated':
      return record(state, 'reported', event.trial, (own) => own);
    case 'finished':
      return { ...state, phase: 'finished' };
    default:
      throw unexpected(state, event);
  }
}

/** Whoever is compensated on its own stream was so before, in `verify` or `controls`. */
export function count(plan: StudyPlan): readonly TrialCount[] {
  const controls = plan.controls.length + plan.paperControls.length;
  const curve = plan.curve === undefined ? 0 : countFinal(plan) + plan.curve.factors.length;
  const winners = plan.recovers === true ? 2 : 1;
  return [{ part: 'report', rung: 0, trials: 1 + winners + controls + curve, compensation: 'one-shot' }];
}

function listReportPoints(plan: StudyPlan, state: State): TrialPoint[] {
  const { recipe, compensation } = state;
  const shared = { part: 'report', recipe, compensation, rung: 0 } as const;
  const controls = listChosenControls(plan, state).map(
    ({ counts, control, recipe, compensation }): TrialPoint => ({
      ...shared,
      counts,
      role: 'control',
      recipe,
      compensation,
      ...(control === undefined ? {} : { control }),
    }),
  );
  const { counts } = findWinner(plan, state);
  return [
    { ...shared, counts: denseCounts(plan.space), role: 'dense', compensation: 'one-shot' },
    { ...shared, counts, role: 'winner' },
    ...(plan.recovers === true ? [{ ...shared, counts, role: 'recovered' } as const] : []),
    ...controls,
    ...(plan.curve === undefined ? [] : listCurvePoints(plan, plan.curve.factors, state)),
  ];
}

/** Each control's best candidate on the verify windows, in the study's recipe and then in the paper's. */
function listChosenControls(plan: StudyPlan, { controls, recipe }: State): TrialResult[] {
  const recipes: readonly RecipeChoice[] = [recipe, 'paper'];
  return recipes.flatMap((choice) =>
    CONTROL_NAMES.flatMap((control) => {
      const measured = controls.filter(
        (trial) =>
          trial.control === control &&
          trial.recipe === choice &&
          trial.part === 'verify' &&
          Number.isFinite(trial.value),
      );
      const final = listFinal(plan, {
        finalists: measured,
        compensation: measured.some(({ compensation }) => compensation === 'stream') ? 'stream' : 'one-shot',
      });
      return final.length === 0 ? [] : [findBest(plan, final)];
    }),
  );
}

/** The finalists of a curve, and the control `uniform-paper` at each of its sizes. */
function listCurvePoints(plan: StudyPlan, factors: readonly number[], state: State): TrialPoint[] {
  const { recipe, compensation } = state;
  const shared = { part: 'report', recipe, compensation, rung: 0 } as const;
  const finalists = listFinal(plan, state).map(
    ({ counts, curvePoint = 0 }): TrialPoint => ({ ...shared, counts, role: 'finalist', curvePoint }),
  );
  const controls = factors.flatMap((factor, curvePoint): TrialPoint[] => {
    const uniform = findUniformPaper(plan.space, scaleBudgets(plan, factor));
    if (uniform === undefined) return [];
    return [{ ...shared, counts: uniform.counts, role: 'control', control: 'uniform-paper', curvePoint }];
  });
  return [...finalists, ...controls];
}
