import * as Plot from '@observablehq/plot';
import type { StepChart } from '../chart.js';
import { COLOURS, formatNumber, formatShort, plot, withLegend } from './frame.js';

/** Lines that hold each value until the next. */
export function drawSteps({ x, y, series }: StepChart, width: number): Element {
  const drawn = plot({
    width,
    height: 280,
    marginLeft: 56,
    marginRight: 20,
    x: { label: x, grid: true, tickFormat: formatShort, ticks: Math.max(3, Math.floor(width / 110)) },
    y: { label: y, grid: true, nice: true, tickFormat: formatNumber, ticks: 6 },
    marks: series.flatMap(({ points }, index) => [
      Plot.line(points, {
        x: 'x',
        y: 'y',
        curve: 'step-after',
        stroke: COLOURS[index] ?? 'currentColor',
        strokeWidth: 2,
      }),
      Plot.dot(points.slice(0, -1), { x: 'x', y: 'y', fill: COLOURS[index] ?? 'currentColor', r: 3, tip: true }),
    ]),
  });
  return withLegend(
    series.map(({ name }, index) => ({ name, colour: COLOURS[index] ?? 'currentColor', shape: 'line' })),
    drawn,
  );
}
