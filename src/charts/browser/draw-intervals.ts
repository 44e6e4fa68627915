import * as Plot from '@observablehq/plot';
import type { IntervalChart } from '../chart.js';
import { formatNumber, labelRoom, plot } from './frame.js';

/** Dots in rows, with lines from the lower to the upper end of their intervals. */
export function drawIntervals({ axis, unit, reference, rows }: IntervalChart, width: number): Element {
  const names = rows.map(({ name }) => name);
  const format = (value: number): string => (unit === 'share' ? `${(100 * value).toFixed(1)} %` : formatNumber(value));
  const colour = ({ isMain }: (typeof rows)[number]): string => (isMain === true ? 'var(--main)' : 'var(--soft)');
  return plot({
    width,
    height: rows.length * 30 + 50,
    marginLeft: labelRoom(names, width),
    marginRight: 70,
    x: { label: axis, grid: true, nice: true, ticks: Math.max(3, Math.floor(width / 110)), tickFormat: format },
    y: { domain: names, label: null },
    marks: [
      ...(reference === undefined ? [] : [Plot.ruleX([reference], { stroke: 'var(--soft)' })]),
      Plot.ruleY(
        rows.filter(({ low, high }) => low !== undefined && high !== undefined),
        { y: 'name', x1: 'low', x2: 'high', stroke: colour, strokeWidth: 2.5 },
      ),
      Plot.dot(rows, { x: 'value', y: 'name', fill: colour, r: 5 }),
      Plot.text(rows, {
        x: ({ value, high }: (typeof rows)[number]) => high ?? value,
        y: 'name',
        text: ({ value }: (typeof rows)[number]) => format(value),
        textAnchor: 'start',
        dx: 10,
        fill: 'currentColor',
      }),
    ],
  });
}
