import { denseCounts } from '../../core/space/search-space.js';
import { findWinner } from './find-winner.js';
import { listCurveControls } from './list-controls.js';
import { CONTROL_NAMES, type StudyPlan } from './study-plan.js';
import {
  findBest,
  listFinal,
  type RecipeChoice,
  type StudyState,
  type TrialPoint,
  type TrialResult,
} from './study-state.js';

/** The points of the report: the dense model, the winner, each control, and the points of a curve, on windows read once. */
export function listReportPoints(plan: StudyPlan, state: StudyState): TrialPoint[] {
  const shared = { part: 'report', recipe: state.recipe, compensation: state.compensation, rung: 0 } as const;
  return [
    { ...shared, counts: denseCounts(plan.space), role: 'dense', compensation: 'one-shot' },
    { ...shared, counts: findWinner(plan, state).counts, role: 'winner' },
    ...listChosenControls(plan, state).map(
      ({ counts, control, recipe, compensation }): TrialPoint => ({
        ...shared,
        counts,
        role: 'control',
        recipe,
        compensation,
        ...(control === undefined ? {} : { control }),
      }),
    ),
    ...(plan.curve === undefined
      ? []
      : listFinal(plan, state).map(
          ({ counts, curvePoint = 0 }): TrialPoint => ({ ...shared, counts, role: 'finalist', curvePoint }),
        )),
    ...listCurveControls(plan, state),
  ];
}

/** Each control's best candidate on the verify windows, in the study's recipe and then in the paper's. */
function listChosenControls(plan: StudyPlan, { controls, recipe }: StudyState): TrialResult[] {
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
