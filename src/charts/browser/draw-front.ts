import * as Plot from '@observablehq/plot';
import type { FrontChart } from '../chart.js';
import { countTicks, formatNumber, formatShort, plot } from './frame.js';

/** The points of a front, joined; the knee stands out. */
export function drawFront({ x, y, points }: FrontChart, width: number): Element {
  const knees = points.filter(({ isKnee }) => isKnee);
  return plot({
    width,
    height: 320,
    marginLeft: 60,
    marginRight: 30,
    x: { label: x, grid: true, nice: true, tickFormat: formatShort, ticks: countTicks(width - 80) },
    y: { label: y, grid: true, nice: true, tickFormat: formatNumber },
    marks: [
      Plot.line(points, { x: 'x', y: 'y', sort: 'x', stroke: 'var(--soft)' }),
      Plot.dot(points, { x: 'x', y: 'y', fill: 'var(--main)', r: 4, tip: true }),
      Plot.dot(knees, { x: 'x', y: 'y', stroke: 'var(--other)', strokeWidth: 2.5, r: 8 }),
      Plot.text(knees, {
        x: 'x',
        y: 'y',
        text: () => 'knee',
        dx: 12,
        dy: -10,
        textAnchor: 'start',
        fill: 'currentColor',
      }),
    ],
  });
}
