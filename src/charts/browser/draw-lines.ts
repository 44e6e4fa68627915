import * as Plot from '@observablehq/plot';
import type { LineChart } from '../chart.js';
import { axisType, COLOURS, countTicks, formatNumber, formatShort, plot, withLegend } from './frame.js';

/** A fitted line through the points of each series. */
export function drawLines({ x, y, yScale, lines }: LineChart, width: number): Element {
  const all = lines.flatMap(({ line, points }) => [...line, ...points]);
  const [sizes, values] = [all.map((point) => point.x), all.map((point) => point.y)];
  const type = axisType(yScale, values);
  const drawn = plot({
    width,
    height: 320,
    marginLeft: 60,
    marginRight: 20,
    x: { type: axisType('log', sizes), label: x, grid: true, tickFormat: formatShort, ticks: countTicks(width - 80) },
    // A nice logarithmic axis would go to the next powers of ten.
    y: { type, label: y, grid: true, nice: type === 'linear', tickFormat: formatNumber, ticks: 6 },
    marks: lines.flatMap(({ line, points }, index) => [
      Plot.line(line, { x: 'x', y: 'y', stroke: COLOURS[index] ?? 'currentColor', strokeWidth: 2 }),
      Plot.dot(points, { x: 'x', y: 'y', fill: COLOURS[index] ?? 'currentColor', r: 4, tip: true }),
    ]),
  });
  return withLegend(
    lines.map(({ name }, index) => ({ name, colour: COLOURS[index] ?? 'currentColor', shape: 'line' })),
    drawn,
  );
}
