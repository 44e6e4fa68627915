import * as Plot from '@observablehq/plot';

/** The colours of series, in order; variables of the page. */
export const COLOURS = ['var(--main)', 'var(--other)', 'var(--third)'] as const;

/** Room of a label on the left, in CSS pixels: about 6.6 a character at this size of text. */
export function labelRoom(names: readonly string[], width: number): number {
  const longest = Math.max(0, ...names.map((name) => name.length));
  return Math.min(Math.ceil(longest * 6.6) + 16, Math.floor(width * 0.45));
}

/** A plot in the style of all: the page's own text, soft grid lines, no outline. */
export function plot(options: Plot.PlotOptions): Element {
  return Plot.plot({
    ...options,
    style: {
      fontSize: '12px',
      fontFamily: 'inherit',
      overflow: 'visible',
      background: 'none',
      ...(options.style as object),
    },
  });
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
