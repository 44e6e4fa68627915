import { didYouMean } from '../../core/errors/nearest.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { Evaluator } from '../../core/ports/evaluator.js';
import type { Objective as ObjectiveMessage } from '../../gen/prunecast/v1/study.js';
import {
  listMetrics,
  nameObjective,
  plainObjectives,
  type MetricLimit,
  type Objective,
  type Objectives,
  type Quantity,
} from '../../search/objectives/objectives.js';
import type { CostSpec } from '../../core/budget/cost-spec.js';
import { DEFAULT_CONTEXT_TOKENS, DEFAULT_KV_BYTES } from './defaults.js';

/** What a study optimizes, and the metric of its report: the first one named. */
export interface DecodedObjectives {
  readonly objectives: Objectives;
  readonly metric: MetricDefinition;
}

/** With more objectives almost every point is on the front, and its hypervolume takes long. */
const MOST_OBJECTIVES = 4;

/**
 * The objectives of a request. Entries with a weight form one objective together, their weighted sum. An entry with a
 * limit and no weight only limits what may be chosen, but if there is no other entry the first one is an objective too.
 * Each remaining entry is an objective of its own. If the request has no entry, the evaluator's first metric is the
 * objective.
 *
 * @param budgeted the costs that budgets limit: one of the same kind is meant as they have it
 * @throws PrunecastError INVALID_REQUEST naming the field
 */
export function decodeObjectives(
  asked: readonly ObjectiveMessage[],
  evaluator: Pick<Evaluator, 'id' | 'metrics'>,
  budgeted: readonly CostSpec[] = [],
): DecodedObjectives {
  const field = 'objectives';
  const costs = [...budgeted, ...COSTS.filter(({ kind }) => budgeted.every((cost) => cost.kind !== kind))];
  const read = asked.map((entry, index) => readObjective(entry, evaluator, costs, `${field}[${index}]`));
  const [first] = evaluator.metrics;
  if (first === undefined) throw new RangeError(`the evaluator ${evaluator.id} measures nothing`);
  if (read.length === 0) return { objectives: plainObjectives(first), metric: first };
  const weighted = read.flatMap(({ quantity, weight }) => (weight === undefined ? [] : [{ quantity, weight }]));
  const plain = read.filter(({ weight, limited }) => weight === undefined && limited === undefined);
  const objectives: Objective[] = [
    ...(weighted.length === 0 ? [] : [{ terms: weighted }]),
    ...plain.map(({ quantity }) => ({ terms: [{ quantity, weight: 1 }] })),
  ];
  const limits = read.flatMap(({ limited }) => limited ?? []);
  const decoded: Objectives =
    objectives.length > 0 || read[0] === undefined
      ? { objectives, limits }
      : { objectives: [{ terms: [{ quantity: read[0].quantity, weight: 1 }] }], limits };
  if (objectives.length > MOST_OBJECTIVES)
    throw PrunecastError.ofField(
      field,
      `makes ${objectives.length} separate objectives; at most ${MOST_OBJECTIVES} are taken: give some a weight, or a limit`,
    );
  const names = decoded.objectives.map(nameObjective);
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated !== undefined) throw PrunecastError.ofField(field, `has ${repeated} as an objective twice`);
  const [metric] = listMetrics({ objectives: decoded.objectives, limits: [] });
  if (metric === undefined)
    throw PrunecastError.ofField(
      field,
      `has ${names.join(', ')} as objectives but no metric, so that the smallest architecture would be the answer: add one of ${evaluator.metrics.map(({ name }) => name).join(', ')}`,
    );
  return { objectives: decoded, metric };
}

interface ReadObjective {
  readonly quantity: Quantity;
  readonly weight: number | undefined;
  readonly limited: MetricLimit | undefined;
}

function readObjective(
  { metric: name, weight, limit }: ObjectiveMessage,
  { id, metrics }: Pick<Evaluator, 'id' | 'metrics'>,
  costs: readonly CostSpec[],
  field: string,
): ReadObjective {
  if (weight !== undefined && !(weight > 0 && Number.isFinite(weight)))
    throw PrunecastError.ofField(`${field}.weight`, `is ${weight}; a weight above 0 is needed`);
  const metric = metrics.find((known) => known.name === name);
  const cost = costs.find(({ kind }) => kind === name);
  if (metric !== undefined) {
    if (limit !== undefined && !Number.isFinite(limit))
      throw PrunecastError.ofField(`${field}.limit`, `is ${limit}; a finite number is needed`);
    if (limit !== undefined && metric.scale === 'log' && limit <= 0)
      throw PrunecastError.ofField(
        `${field}.limit`,
        `is ${limit}; ${name} is always above 0, and so must its limit be`,
      );
    return {
      quantity: { kind: 'metric', metric },
      weight,
      limited: limit === undefined ? undefined : { metric, limit },
    };
  }
  if (cost === undefined) {
    const [measured, computed] = [metrics.map((known) => known.name), costs.map(({ kind }) => kind)];
    throw PrunecastError.ofField(
      `${field}.metric`,
      `is "${name}"; the evaluator ${id} measures ${measured.join(', ')}, and the costs are ${computed.join(', ')}${didYouMean(name, [...measured, ...computed])}`,
    );
  }
  if (limit !== undefined)
    throw PrunecastError.ofField(`${field}.limit`, `limits a cost: give ${name} a budget instead`);
  return { quantity: { kind: 'cost', cost }, weight, limited: undefined };
}

/** Costs that need no budget to be known; only their ratios count, so bytes per number do not matter. */
const COSTS: readonly CostSpec[] = [
  { kind: 'parameters' },
  { kind: 'weight_bytes' },
  { kind: 'kv_cache_bytes_per_token', bytesPerValue: DEFAULT_KV_BYTES },
  { kind: 'flops_per_token', context: DEFAULT_CONTEXT_TOKENS },
];
