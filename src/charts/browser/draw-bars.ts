import * as Plot from '@observablehq/plot';
import type { BarChart } from '../chart.js';
import { COLOURS, countTicks, formatNumber, labelRoom, plot, withLegend } from './frame.js';

/** Bars in rows, coloured by their groups. */
export function drawBars({ axis, bars }: BarChart, width: number): Element {
  const names = bars.map(({ name }) => name);
  const groups = [...new Set(bars.map(({ group }) => group))];
  const colour = (group: string): string => COLOURS[groups.indexOf(group)] ?? 'currentColor';
  const marginLeft = labelRoom(names, width);
  const drawn = plot({
    width,
    height: bars.length * 20 + 66,
    marginLeft,
    marginRight: 20,
    x: { label: axis, grid: true, ticks: countTicks(width - marginLeft - 20), tickFormat: formatNumber },
    y: { domain: names, label: null, padding: 0.25 },
    marks: [
      Plot.barX(bars, { x: 'value', y: 'name', fill: ({ group }: (typeof bars)[number]) => colour(group) }),
      Plot.ruleX([0], { stroke: 'var(--soft)' }),
    ],
  });
  if (groups.length < 2) return drawn;
  return withLegend(
    groups.map((name) => ({ name, colour: colour(name), shape: 'box' })),
    drawn,
  );
}
