import { measureCost, type CostModel } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import type { LabelPoint } from '../../gen/prunecast/v1/study.js';
import { TrialRole, type Trial } from '../../gen/prunecast/v1/study_types.js';
import { decodeArchitecture } from '../requests/decode-architecture.js';
import type { PlannedStudy } from '../requests/plan-search.js';
import { selectEvenly } from './select-evenly.js';

/** The most pairs that a report shows: more would fill a message, and no reader tells them apart. */
export const MOST_SHOWN_PAIRS = 5000;

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

/** The labels with at most `MOST_SHOWN_PAIRS` of its pairs. */
export function thinPairs(labels: readonly LabelPoint[]): LabelPoint[] {
  const pairs = labels.filter(({ role }) => role === TrialRole.PAIR);
  const shown = new Set(selectEvenly(pairs, MOST_SHOWN_PAIRS));
  return labels.filter((label) => label.role !== TrialRole.PAIR || shown.has(label));
}

function listCosts({ space: { shape }, budgets }: PlannedStudy): { model: CostModel; limit: number }[] {
  return budgets.map(({ cost, limit }) => ({ model: createCostModel(shape, cost), limit }));
}
