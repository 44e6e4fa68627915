import * as Plot from '@observablehq/plot';
import type { IntervalChart } from '../chart.js';
import { formatMetric, formatShare } from '../../words/format.js';
import { countTicks, formatNumber, labelRoom, plot } from './frame.js';

/** Room for the number behind a dot, in CSS pixels. */
const NUMBER_ROOM = 54;

/** Dots in rows, with lines from the lower to the upper end of their intervals. */
export function drawIntervals({ axis, unit, reference, rows }: IntervalChart, width: number): Element {
  const names = rows.map(({ name }) => name);
  const marginLeft = labelRoom(names, width);
  const format = unit === 'share' ? formatShare : formatMetric;
  const colour = ({ isMain }: (typeof rows)[number]): string => (isMain === true ? 'var(--main)' : 'var(--soft)');
  return plot({
    width,
    height: rows.length * 30 + 66,
    marginLeft,
    marginRight: NUMBER_ROOM,
    x: {
      label: axis,
      grid: true,
      nice: true,
      ticks: countTicks(width - marginLeft - NUMBER_ROOM),
      tickFormat: unit === 'share' ? (value: number) => `${Number((100 * value).toPrecision(3))} %` : formatNumber,
    },
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
