import type { StudyPlan } from './study-plan.js';
import { sortByValue, type TrialPoint, type TrialResult } from './study-state.js';

/**
 * Successive halving (Jamieson and Talwalkar, AISTATS 2016): what follows a batch that was verified on one rung is its
 * better half on the next, dearer one; then the best few mended on their own stream, where the study has that. Undefined
 * when there is nothing more to do.
 *
 * @param last whether this batch is the last of its role: only then are the best of all of them, `known`, mended anew
 */
export function continueVerification(
  plan: StudyPlan,
  batch: readonly TrialResult[],
  known: readonly TrialResult[],
  { last }: { readonly last: boolean },
): TrialPoint[] | undefined {
  const [first] = batch;
  const dearest = plan.verifyRungs - 1;
  if (first !== undefined && first.compensation === 'one-shot' && first.rung < dearest) {
    return sortByValue(plan, batch)
      .slice(0, Math.ceil(batch.length / 2))
      .map((trial) => toPoint(trial, { rung: trial.rung + 1 }));
  }
  if (!last || plan.compensation.mode === 'one-shot' || first?.compensation === 'stream') return undefined;
  const best = sortByValue(
    plan,
    known.filter(({ rung, compensation }) => rung === dearest && compensation === 'one-shot'),
  ).slice(0, plan.compensation.candidates);
  return best.length === 0 ? undefined : best.map((trial) => toPoint(trial, { compensation: 'stream' }));
}

/** A measured point, to be measured in another way. */
function toPoint(
  { value: _value, metrics: _metrics, tokensSpent: _tokens, losses: _losses, ...point }: TrialResult,
  changes: Partial<TrialPoint>,
): TrialPoint {
  return { ...point, ...changes };
}
