import type { Chart } from '../../charts/chart.js';
import { drawChart } from '../../charts/browser/draw-chart.js';
import { element, setText } from './element.js';

/** What a figure shows: a chart and what it says, or why there is none yet. */
export interface Shown {
  readonly chart?: Chart | undefined;
  readonly caption: string;
}

/** A chart under its title, drawn again when it changes or its width does. */
export interface Figure {
  readonly node: HTMLElement;
  show(shown: Shown): void;
}

export function createFigure(title: string): Figure {
  const place = element('div', { class: 'chart', role: 'img', hidden: true });
  const caption = element('figcaption');
  const node = element('figure', {}, element('h2', {}, title), caption, place);
  let chart: Chart | undefined;
  let drawn: string | undefined;
  const draw = (): void => {
    const width = Math.floor(node.clientWidth);
    const state = JSON.stringify([width, chart]);
    if (width === 0 || state === drawn) return;
    drawn = state;
    place.hidden = chart === undefined;
    if (chart === undefined) place.replaceChildren();
    else place.replaceChildren(withoutStyles(drawChart(chart, width)));
  };
  new ResizeObserver(draw).observe(node);
  return {
    node,
    show: (shown) => {
      chart = shown.chart;
      place.setAttribute('aria-label', chart?.label ?? '');
      setText(caption, shown.caption);
      draw();
    },
  };
}

/** The page's policy forbids style elements: what those of charts say is in the style sheet of the page. */
function withoutStyles(chart: Element): Element {
  for (const style of chart.querySelectorAll('style')) style.remove();
  return chart;
}
