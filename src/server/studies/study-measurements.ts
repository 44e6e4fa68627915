import { sum } from '../../core/sum.js';
import { countObservedTokens, measureObservation } from '../../engine/runtime/count-work.js';
import { groupPlans } from '../labels/group-plans.js';
import type { ObservationRequest } from '../../core/ports/evaluator.js';
import type { PlannedMeasurement } from '../labels/label-task.js';
import { planOf } from '../requests/plan-study-texts.js';
import type { TrialPoint } from '../../search/study/trial.js';
import type { SampledStudy } from './study.js';

/** What is measured of a trial, the first measurement first. A further one has one rung of verify. */
export function listMeasurements(
  { evaluator, windows, further }: Pick<SampledStudy, 'evaluator' | 'windows' | 'further'>,
  part: Pick<TrialPoint, 'part' | 'rung'>,
): PlannedMeasurement[] {
  return [
    { name: '', evaluator: evaluator.plugin, options: evaluator.options, plan: planOf(windows, part) },
    ...further.map((own) => ({
      name: own.name,
      evaluator: own.evaluator.plugin,
      options: own.evaluator.options,
      plan: planOf(own.windows, { ...part, rung: 0 }),
    })),
  ];
}

/** What is observed of a trial: once what several measurements ask for. */
export function listObservations(...trial: Parameters<typeof listMeasurements>): ObservationRequest[] {
  return groupPlans(listMeasurements(...trial).map(({ plan }) => plan)).map(({ request }) => request);
}

/** Tokens that are run for a trial. */
export function countTrialTokens(
  study: Parameters<typeof listMeasurements>[0],
  part: Pick<TrialPoint, 'part' | 'rung'>,
): number {
  return sum(listObservations(study, part).map((request) => countObservedTokens(measureObservation(request))));
}
