import * as Plot from '@observablehq/plot';
import type { StepChart } from '../chart.js';
import { axisType, COLOURS, countTicks, formatNumber, formatShort, plot, withLegend } from './frame.js';

/** Lines that hold each value until the next, before the dots that they are the best of. */
export function drawSteps({ x, y, yScale = 'linear', series, dots }: StepChart, width: number): Element {
  const type = axisType(
    yScale,
    [...series, ...(dots === undefined ? [] : [dots])].flatMap(({ points }) => points.map((point) => point.y)),
  );
  const drawn = plot({
    width,
    height: 300,
    marginLeft: 56,
    marginRight: 20,
    x: { label: x, grid: true, tickFormat: formatShort, ticks: countTicks(width - 80) },
    // A nice logarithmic axis would go to the next powers of ten.
    y: { type, label: y, grid: true, nice: type === 'linear', tickFormat: formatNumber, ticks: 6 },
    marks: [
      ...(dots === undefined
        ? []
        : [Plot.dot(dots.points, { x: 'x', y: 'y', fill: 'var(--soft)', fillOpacity: 0.45, r: 2.5 })]),
      ...series.flatMap(({ points }, index) => [
        Plot.line(points, {
          x: 'x',
          y: 'y',
          curve: 'step-after',
          stroke: COLOURS[index] ?? 'currentColor',
          strokeWidth: 2,
        }),
        Plot.dot(points.slice(0, -1), { x: 'x', y: 'y', fill: COLOURS[index] ?? 'currentColor', r: 3, tip: true }),
      ]),
    ],
  });
  return withLegend(
    [
      ...series.map(({ name }, index) => ({ name, colour: COLOURS[index] ?? 'currentColor', shape: 'line' as const })),
      ...(dots === undefined ? [] : [{ name: dots.name, colour: 'var(--soft)', shape: 'dot' as const }]),
    ],
    drawn,
  );
}
