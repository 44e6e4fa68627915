import type { WorkContext, WorkProgress } from '../../core/ports/work-context.js';

/**
 * Sums the progress of lanes that work on one call side by side; an activity that lanes have in common counts once. It
 * never goes back.
 *
 * @param weights each lane's share of the whole, above 0 to 1
 * @returns what each lane reports to
 */
export function sumProgress(
  weights: readonly number[],
  report: NonNullable<WorkContext['report']>,
): NonNullable<WorkContext['report']>[] {
  const activities = new Map<string, { readonly total: number; readonly shares: number[]; done: number }>();
  const known = new Map<number, number>();
  return weights.map((weight, lane) => (progress: WorkProgress) => {
    const { activity = '', what, done, total, known: own } = progress;
    if (own !== undefined) known.set(lane, own);
    const key = JSON.stringify([activity, what]);
    const sum = activities.get(key) ?? { total: Math.round(total / weight), shares: weights.map(() => 0), done: 0 };
    activities.set(key, sum);
    sum.shares[lane] = weight * (total === 0 ? 1 : done / total);
    const share = sum.shares.reduce((all, own) => all + own, 0);
    sum.done = Math.max(sum.done, Math.min(sum.total, Math.round(sum.total * share)));
    report({
      ...progress,
      done: sum.done,
      total: sum.total,
      ...(own === undefined ? {} : { known: [...known.values()].reduce((all, each) => all + each, 0) }),
    });
  });
}
