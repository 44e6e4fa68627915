import { BudgetKind, DimensionKind, type DeepPartial, type SearchRequest } from '../../src/client/index.js';

/** A budget, and a space that is searched for it. */
export interface BudgetRow {
  readonly title: string;
  readonly request: Pick<DeepPartial<SearchRequest>, 'budgets' | 'space'>;
}

const { KV_HEADS, QUERY_HEADS_PER_KV, FFN_CHANNELS } = DimensionKind;

/** Whether a search pays for more than a fifth of the parameters, for other spaces, and for other costs. */
export const BUDGET_ROWS = {
  'parameters-20': { title: '20 % of the parameters', request: remove(BudgetKind.PARAMETERS, 0.2) },
  'parameters-30': { title: '30 % of the parameters', request: remove(BudgetKind.PARAMETERS, 0.3) },
  'parameters-40': { title: '40 % of the parameters', request: remove(BudgetKind.PARAMETERS, 0.4) },
  'query-heads-30': {
    title: '30 %, single query heads of a group too',
    request: {
      ...remove(BudgetKind.PARAMETERS, 0.3),
      space: { kinds: [KV_HEADS, QUERY_HEADS_PER_KV, FFN_CHANNELS] },
    },
  },
  'halves-30': {
    title: '30 %, whole half-blocks too',
    request: { ...remove(BudgetKind.PARAMETERS, 0.3), space: { maxRate: 1 } },
  },
  'halves-40': {
    title: '40 %, whole half-blocks too',
    request: { ...remove(BudgetKind.PARAMETERS, 0.4), space: { maxRate: 1 } },
  },
  'flops-30': { title: '30 % of the FLOPs per token', request: remove(BudgetKind.FLOPS_PER_TOKEN, 0.3) },
  'kv-cache-40': {
    title: '40 % of the KV cache',
    request: remove(BudgetKind.KV_CACHE_BYTES_PER_TOKEN, 0.4),
  },
  'latency-20': { title: '20 % of the latency per token', request: remove(BudgetKind.LATENCY_MS, 0.2) },
} as const satisfies Record<string, BudgetRow>;

export type BudgetRowName = keyof typeof BUDGET_ROWS;

/** What one search of a row found, on its report windows. */
export interface FoundRow {
  readonly row: BudgetRowName;
  readonly seed: number;
  readonly effort: string;
  readonly dense: number;
  readonly winner: number;
  readonly uniform_best: number;
  /** 1 - winner / uniform-best, and its 95 % bootstrap interval. */
  readonly lift: number;
  readonly interval: readonly [number, number];
  readonly kendall_tau: number;
}

function remove(kind: BudgetKind, removedShare: number): Pick<DeepPartial<SearchRequest>, 'budgets'> {
  return { budgets: [{ kind, limit: { $case: 'removedShare', value: removedShare } }] };
}
