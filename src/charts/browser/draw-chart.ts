import type { Chart } from '../chart.js';
import { drawBars } from './draw-bars.js';
import { drawFront } from './draw-front.js';
import { drawIntervals } from './draw-intervals.js';
import { drawLayers } from './draw-layers.js';
import { drawLines } from './draw-lines.js';
import { drawScatter } from './draw-scatter.js';
import { drawSteps } from './draw-steps.js';

/**
 * A chart as an element of the page, `width` CSS pixels wide. Colours are the variables `--main`, `--other`, `--third`,
 * `--faint`, `--soft` and `--page` of the page around it, so that a chart follows its light and dark.
 */
export function drawChart(chart: Chart, width: number): Element {
  switch (chart.kind) {
    case 'intervals':
      return drawIntervals(chart, width);
    case 'layers':
      return drawLayers(chart, width);
    case 'scatter':
      return drawScatter(chart, width);
    case 'bars':
      return drawBars(chart, width);
    case 'steps':
      return drawSteps(chart, width);
    case 'front':
      return drawFront(chart, width);
    case 'lines':
      return drawLines(chart, width);
  }
}
