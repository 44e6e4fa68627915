import type { Chart } from '../chart.js';
import { drawChart } from './draw-chart.js';

/** The script of a report: draws each chart of the page's JSON into its place, again whenever the width changes. */

const charts = JSON.parse(document.getElementById('charts')?.textContent ?? '[]') as readonly Chart[];
const places = [...document.querySelectorAll<HTMLElement>('[data-chart]')];
const widths = new WeakMap<Element, number>();

const observer = new ResizeObserver((entries) => {
  for (const { target } of entries) draw(target as HTMLElement);
});

for (const place of places) {
  draw(place);
  observer.observe(place);
}

function draw(place: HTMLElement): void {
  const chart = charts[Number(place.dataset['chart'])];
  const width = Math.floor(place.clientWidth);
  if (chart === undefined || width === 0 || widths.get(place) === width) return;
  widths.set(place, width);
  place.replaceChildren(drawChart(chart, width));
}
