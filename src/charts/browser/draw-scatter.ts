import * as Plot from '@observablehq/plot';
import type { ScatterChart } from '../chart.js';
import { axisType, formatNumber, plot, withLegend } from './frame.js';

/** Dots around the diagonal, with the band in which a label lies within the interval of its prediction. */
export function drawScatter({ x, y, scale, halfWidth, points }: ScatterChart, width: number): Element {
  const values = points.flatMap((point) => [point.x, point.y]);
  const type = axisType(scale, values);
  const [least, most] = widen(Math.min(...values), Math.max(...values), type);
  const move = (value: number, sign: 1 | -1): number =>
    halfWidth === undefined ? value : scale === 'log' ? value * halfWidth ** sign : value + sign * halfWidth;
  const diagonal = [least, most];
  const axis = { type, grid: true, domain: diagonal, tickFormat: formatNumber, ticks: 6 };
  const size = Math.min(width, 520);
  const drawn = plot({
    width: size,
    height: size,
    marginLeft: 56,
    x: { ...axis, label: x },
    y: { ...axis, label: y },
    marks: [
      ...(halfWidth === undefined
        ? []
        : [
            Plot.areaY(diagonal, {
              x: diagonal,
              y1: diagonal.map((value) => move(value, -1)),
              y2: diagonal.map((value) => move(value, 1)),
              fill: 'var(--main)',
              fillOpacity: 0.12,
              clip: true,
            }),
          ]),
      Plot.line(diagonal, { x: diagonal, y: diagonal, stroke: 'var(--soft)', strokeDasharray: '4 3' }),
      Plot.dot(points, {
        x: 'x',
        y: 'y',
        stroke: 'var(--main)',
        fill: 'var(--main)',
        fillOpacity: 0.25,
        r: 3,
        tip: true,
      }),
    ],
  });
  return withLegend(
    [
      { name: 'pair', colour: 'var(--main)', shape: 'dot' },
      { name: 'as predicted', colour: 'var(--soft)', shape: 'line' },
      ...(halfWidth === undefined ? [] : [{ name: '90 % interval', colour: 'var(--band)', shape: 'box' as const }]),
    ],
    drawn,
  );
}

/** The ends of the axes, a little beyond the outermost points. */
function widen(least: number, most: number, type: 'log' | 'linear'): [number, number] {
  const share = 0.04;
  if (type === 'linear') return [least - share * (most - least), most + share * (most - least)];
  const factor = (most / least) ** share;
  return [least / factor, most * factor];
}
