import { measureSequences } from '../../core/run-batches.js';
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

/** Tokens that are run for a trial. */
export function countTrialTokens(
  study: Parameters<typeof listMeasurements>[0],
  part: Pick<TrialPoint, 'part' | 'rung'>,
): number {
  return listMeasurements(study, part).reduce((sum, { plan }) => sum + measureSequences(plan.sequences).tokens, 0);
}
