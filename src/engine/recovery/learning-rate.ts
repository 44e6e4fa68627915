import type { TrainingPlan } from '../../core/ports/recovery.js';

/**
 * The learning rate of a step: it rises in equal parts to its peak, then falls along half a cosine ("SGDR", arXiv
 * 1608.03983) to `finalShare` of the peak.
 *
 * @param step counted from 1
 * @param steps of the whole training
 */
export function learningRate({ peak, warmUpSteps, finalShare }: TrainingPlan['rate'], step: number, steps: number) {
  if (step <= warmUpSteps) return (peak * step) / warmUpSteps;
  const done = Math.min(1, (step - warmUpSteps) / Math.max(1, steps - warmUpSteps));
  return peak * (finalShare + ((1 - finalShare) * (1 + Math.cos(Math.PI * done))) / 2);
}
