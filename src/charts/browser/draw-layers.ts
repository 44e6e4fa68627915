import * as Plot from '@observablehq/plot';
import type { LayerChart } from '../chart.js';
import { COLOURS, plot, withLegend } from './frame.js';

/** A bar per layer: what is kept in front of what there was; further architectures as ticks across. */
export function drawLayers({ axis, dense, architectures }: LayerChart, width: number): Element {
  const [first, ...others] = architectures;
  const layers = dense.map((_, layer) => layer);
  const every = Math.ceil((layers.length * 26) / width);
  const drawn = plot({
    width,
    height: 220,
    marginLeft: 50,
    x: { label: 'layer', domain: layers, ticks: layers.filter((layer) => layer % every === 0), padding: 0.2 },
    y: { label: axis, grid: true, domain: [0, Math.max(...dense)] },
    marks: [
      Plot.barY(dense, { x: layers, y: dense, fill: 'var(--faint)' }),
      Plot.barY(first?.kept ?? [], { x: layers, y: first?.kept ?? [], fill: 'var(--main)', tip: true }),
      ...others.map(({ kept }, index) =>
        Plot.tickY(kept, { x: layers, y: kept, stroke: COLOURS[index + 1] ?? 'currentColor', strokeWidth: 3 }),
      ),
      Plot.ruleY([0], { stroke: 'var(--soft)' }),
    ],
  });
  return withLegend(
    [
      { name: 'unpruned', colour: 'var(--faint)', shape: 'box' },
      ...architectures.map(({ name }, index) => ({
        name,
        colour: COLOURS[index] ?? 'currentColor',
        shape: index === 0 ? ('box' as const) : ('line' as const),
      })),
    ],
    drawn,
  );
}
