import type { StudyPlan } from './study-plan.js';

/** A metric's value as the predictor is fitted on it. */
export function toFitScale({ objective }: Pick<StudyPlan, 'objective'>, value: number): number {
  return objective.scale === 'log' ? Math.log(value) : value;
}

/** Back into the metric's own unit. */
export function fromFitScale({ objective }: Pick<StudyPlan, 'objective'>, value: number): number {
  return objective.scale === 'log' ? Math.exp(value) : value;
}
