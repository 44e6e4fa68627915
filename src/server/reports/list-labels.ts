import { measureCost, type CostModel } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import type { LabelPoint } from '../../gen/prunecast/v1/study.js';
import type { Trial } from '../../gen/prunecast/v1/study_types.js';
import { decodeArchitecture } from '../requests/decode-architecture.js';
import type { PlannedStudy } from '../requests/plan-search.js';
import { selectEvenly } from './select-evenly.js';

/** The most labels that a report shows: more would fill a message, and no reader tells them apart. */
export const MOST_SHOWN_LABELS = 5000;

/** So many labels of one kind are all shown. */
const FEW = 100;

export interface LabelContext {
  /** The metric whose values are listed. */
  readonly metric: string;
  /** undefined if its budgets are not known; then no label counts as within them. */
  readonly study: PlannedStudy | undefined;
  /** Run before the first label. */
  readonly calibrationTokens: number;
}

/** The trials of a study as points of its charts, in the order of their numbers. */
export function listLabels(trials: readonly Trial[], { metric, study, calibrationTokens }: LabelContext): LabelPoint[] {
  const costs = study === undefined ? [] : listCosts(study);
  let tokensSpent = BigInt(calibrationTokens);
  return trials.map((trial) => {
    const { number, role, control, part, fidelityDigest, architecture, metrics, predicted, parameters, round } = trial;
    tokensSpent += trial.tokensSpent;
    const own = architecture && decodeArchitecture(architecture);
    const spent = own === undefined ? [] : costs.map(({ model }) => measureCost(model, own));
    return {
      number,
      role,
      control,
      part,
      fidelityDigest,
      value: metrics[metric],
      predicted,
      parameters,
      tokensSpent,
      round,
      withinBudgets: spent.length > 0 && spent.every((cost, index) => cost <= (costs[index]?.limit ?? 0)),
      size: spent[0],
    };
  });
}

/**
 * At most `MOST_SHOWN_LABELS` of a study's labels. Of a role, control and text with many labels an even selection is
 * left, of the others all.
 */
export function thinLabels(labels: readonly LabelPoint[]): LabelPoint[] {
  if (labels.length <= MOST_SHOWN_LABELS) return [...labels];
  const sizes = new Map<string, number>();
  for (const label of labels) sizes.set(groupOf(label), (sizes.get(groupOf(label)) ?? 0) + 1);
  const isMany = (label: LabelPoint): boolean => (sizes.get(groupOf(label)) ?? 0) > FEW;
  const many = labels.filter(isMany);
  const shown = new Set(selectEvenly(many, Math.max(0, MOST_SHOWN_LABELS - (labels.length - many.length))));
  return labels.filter((label) => shown.has(label) || !isMany(label));
}

function groupOf({ role, control, part }: LabelPoint): string {
  return [role, part, control].join();
}

function listCosts({ space: { shape }, budgets }: PlannedStudy): { model: CostModel; limit: number }[] {
  return budgets.map(({ cost, limit }) => ({ model: createCostModel(shape, cost), limit }));
}
