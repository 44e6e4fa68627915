import { BudgetKind, type Plan } from '../../client/index.js';
import { Plan as PlanMessage } from '../../gen/prunecast/v1/pruning.js';
import { describeCost } from './describe-cost.js';
import { describeNotes } from './describe-exports.js';
import { formatCost } from '../../words/format-cost.js';
import { formatEnum } from '../../words/format.js';
import { printLoads } from './print-loads.js';
import type { Printer } from './printer.js';

/**
 * What a job would do, as `--dry-run` asks.
 *
 * @param form that of several whose weights the costs count
 */
export function printPlan(plan: Plan, printer: Printer, form = ''): void {
  if (printer.format === 'json')
    return printer.message({ typeName: 'prunecast.v1.Plan', codec: PlanMessage, message: plan });
  printer.lines(
    ...describeCost(plan),
    ...plan.feasible.map(
      ({ kind, least, most }) =>
        `${formatEnum(BudgetKind, kind)}: from ${formatCost(kind, least)} to ${formatCost(kind, most)} in this space`,
    ),
    ...plan.costs.map(
      ({ kind, value, denseValue }) =>
        `${formatEnum(BudgetKind, kind)}${form === '' || kind !== BudgetKind.WEIGHT_BYTES ? '' : ` of ${form}`}: ${formatCost(kind, value)} of ${formatCost(kind, denseValue)}`,
    ),
    ...(plan.loadsIn.length > 0 ? [`will load in ${plan.loadsIn.join(', ')}`] : []),
    ...describeNotes(plan),
  );
  plan.architectures.forEach(({ layers }, index) => {
    printer.lines('', `architecture ${index}:`);
    printer.table(
      ['layer', 'kv heads', 'query heads per kv', 'FFN channels'],
      layers.map((layer, number) => [number, layer.kvHeads, layer.queryHeadsPerKv, layer.ffnChannels].map(String)),
    );
  });
  printLoads(plan.loads, printer);
}
