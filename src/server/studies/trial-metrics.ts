import type { TrialResult } from '../../search/study/trial.js';
import type { StudyPlan } from '../../search/study/plan.js';

/** All that was measured of a trial, in its own units; empty where its metrics were not finite, which is no measurement. */
export function metricsOf(
  { metric }: Pick<StudyPlan, 'metric'>,
  { metrics, value }: TrialResult,
): Record<string, number> {
  return Number.isFinite(value) ? { ...metrics, [metric.name]: value } : {};
}
