import type { CostSpec } from '../../core/budget/cost-spec.js';
import type { MetricDefinition } from '../../core/metric.js';

/**
 * A number that an architecture is judged by: a metric, which is predicted and measured, or a cost, which is known
 * exactly.
 */
export type Quantity =
  | { readonly kind: 'metric'; readonly metric: MetricDefinition }
  | { readonly kind: 'cost'; readonly cost: CostSpec };

/**
 * A quantity in a sum: of those that count by their logarithm, 1 % of one with weight 2 is worth 2 % of one with weight 1;
 * a metric on a linear scale counts by its value, so that 0.01 of it is worth as much as 1 % of those.
 */
export interface Term {
  readonly quantity: Quantity;
  readonly weight: number;
}

/**
 * One number to make better: the weighted sum of its terms, costs and metrics on a logarithmic scale by their natural
 * logarithms, other metrics by their values, which may be below 0. Terms where higher is better are subtracted.
 */
export interface Objective {
  /** At least one. */
  readonly terms: readonly Term[];
}

/** What a metric must be at least, or at most if lower is better; in its own unit. */
export interface MetricLimit {
  readonly metric: MetricDefinition;
  readonly limit: number;
}

/** What a study makes better: one objective, or the front of several, over the architectures that meet all limits. */
export interface Objectives {
  /** At least one. */
  readonly objectives: readonly Objective[];
  readonly limits: readonly MetricLimit[];
}

/** One metric and nothing else. */
export function plainObjectives(metric: MetricDefinition): Objectives {
  return { objectives: [{ terms: [{ quantity: { kind: 'metric', metric }, weight: 1 }] }], limits: [] };
}

/** The metrics that objectives and limits are about, each once. */
export function listMetrics({ objectives, limits }: Objectives): MetricDefinition[] {
  const termMetrics = objectives.flatMap(({ terms }) =>
    terms.flatMap(({ quantity }) => (quantity.kind === 'metric' ? [quantity.metric] : [])),
  );
  return [
    ...new Map([...termMetrics, ...limits.map(({ metric }) => metric)].map((metric) => [metric.name, metric])).values(),
  ];
}

/** The costs that objectives are about. If there is one, candidates may lie anywhere below the budgets. */
export function listCosts({ objectives }: Objectives): CostSpec[] {
  return objectives.flatMap(({ terms }) =>
    terms.flatMap(({ quantity }) => (quantity.kind === 'cost' ? [quantity.cost] : [])),
  );
}

/** A quantity's name in requests and reports. */
export function nameQuantity(quantity: Quantity): string {
  return quantity.kind === 'metric' ? quantity.metric.name : quantity.cost.kind;
}

/** An objective's name: that of its quantity, or `2 perplexity + 1 parameters`. */
export function nameObjective({ terms }: Objective): string {
  const [first] = terms;
  if (first !== undefined && terms.length === 1) return nameQuantity(first.quantity);
  return terms.map(({ quantity, weight }) => `${weight} ${nameQuantity(quantity)}`).join(' + ');
}
