import * as Plot from '@observablehq/plot';

/** The colours of series, in order; variables of the page. */
export const COLOURS = ['var(--main)', 'var(--other)', 'var(--third)'] as const;

/** Room of labels on the left, in CSS pixels; at most about half the width. */
export function labelRoom(names: readonly string[], width: number): number {
  const context = document.createElement('canvas').getContext('2d');
  if (context === null) return Math.floor(width / 3);
  context.font = `${TEXT_SIZE}px ${getComputedStyle(document.body).fontFamily}`;
  const longest = Math.max(0, ...names.map((name) => context.measureText(name).width));
  return Math.min(Math.ceil(longest) + 14, Math.floor(width * 0.55));
}

/** How many ticks fit an axis of so many pixels. */
export function countTicks(pixels: number): number {
  return Math.max(2, Math.floor(pixels / 80));
}

/**
 * The scale of an axis that should be logarithmic: linear if its ends are close, where the two look alike and the ticks
 * of a logarithmic one would go without labels.
 */
export function axisType(scale: 'log' | 'linear', values: readonly number[]): 'log' | 'linear' {
  return scale === 'log' && Math.max(...values) > 3 * Math.min(...values) ? 'log' : 'linear';
}

const TEXT_SIZE = 12;

/** A plot in the style of all: the page's own text, soft grid lines, room for the name of the horizontal axis. */
export function plot({ x, ...options }: Plot.PlotOptions): Element {
  const drawn = Plot.plot({
    marginBottom: 46,
    ...options,
    x: { labelOffset: 42, ...x },
    style: { fontSize: `${TEXT_SIZE}px`, fontFamily: 'inherit', overflow: 'visible', background: 'none' },
  });
  // The names of its groups, "dot" and "line", tell nobody anything, and groups may have none. The chart has its own.
  for (const group of drawn.querySelectorAll('g[aria-label]')) group.removeAttribute('aria-label');
  return drawn;
}

export interface LegendEntry {
  readonly name: string;
  readonly colour: string;
  readonly shape: 'dot' | 'line' | 'box';
}

/** A plot under the names of its colours. */
export function withLegend(entries: readonly LegendEntry[], drawn: Element): Element {
  const legend = document.createElement('div');
  legend.className = 'legend';
  for (const { name, colour, shape } of entries) {
    const entry = document.createElement('span');
    const swatch = document.createElement('i');
    swatch.className = shape;
    swatch.style.setProperty('--swatch', colour);
    entry.append(swatch, name);
    legend.append(entry);
  }
  const both = document.createElement('div');
  both.append(legend, drawn);
  return both;
}

/** 12500 as `12.5k`: short enough for an axis. */
export function formatShort(value: number): string {
  return SHORT.format(value);
}

const SHORT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

/** A number with four digits that matter. */
export function formatNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}
