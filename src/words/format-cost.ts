import { BudgetKind } from '../gen/prunecast/v1/common.js';
import { formatAmount, formatBytes, formatCount, formatMetric } from './format.js';

/** What a model costs, in the unit of the cost: `809.5 KiB`, `413.1 k FLOP`, `12.5 ms`; parameters in full. */
export function formatCost(kind: BudgetKind, value: number): string {
  switch (kind) {
    case BudgetKind.WEIGHT_BYTES:
    case BudgetKind.KV_CACHE_BYTES_PER_TOKEN:
      return formatBytes(value);
    case BudgetKind.FLOPS_PER_TOKEN:
      return `${formatAmount(value)} FLOP`;
    case BudgetKind.LATENCY_MS:
      return `${formatMetric(value)} ms`;
    default:
      return formatCount(value);
  }
}
