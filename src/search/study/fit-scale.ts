import type { StudyPlan } from './study-plan.js';

/** A metric's value as the predictor is fitted on it. */
export function toFitScale({ metric }: Pick<StudyPlan, 'metric'>, value: number): number {
  return metric.scale === 'log' ? Math.log(value) : value;
}

/** Back into the metric's own unit. */
export function fromFitScale({ metric }: Pick<StudyPlan, 'metric'>, value: number): number {
  return metric.scale === 'log' ? Math.exp(value) : value;
}
