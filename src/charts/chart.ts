/**
 * What a chart shows, as plain values: written into a page as JSON and drawn by its script. Numbers have their own
 * units; texts are for people.
 */
export type Chart = IntervalChart | LayerChart | ScatterChart | BarChart | StepChart | FrontChart | LineChart;

interface ChartBase {
  /** What it shows, in one sentence: the name that a screen reader says. */
  readonly label: string;
}

/** A place in a chart, in the units of its axes. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Values with their intervals, one row each. */
export interface IntervalChart extends ChartBase {
  readonly kind: 'intervals';
  readonly axis: string;
  /** A line at this value, if any: where nothing is gained. */
  readonly reference?: number;
  /** `share` is written in per cent. */
  readonly unit: 'share' | 'number';
  readonly rows: readonly {
    readonly name: string;
    readonly value: number;
    readonly low?: number;
    readonly high?: number;
    readonly isMain?: boolean;
  }[];
}

/** Counts of the layers of one kind of unit: the unpruned ones behind those of some architectures. */
export interface LayerChart extends ChartBase {
  readonly kind: 'layers';
  readonly axis: string;
  /** Layer by layer. */
  readonly dense: readonly number[];
  /** The first is drawn as bars, the others as lines. */
  readonly architectures: readonly { readonly name: string; readonly kept: readonly number[] }[];
}

/** Predictions beside what was measured, with the diagonal on which they would be right. */
export interface ScatterChart extends ChartBase {
  readonly kind: 'scatter';
  readonly x: string;
  readonly y: string;
  readonly scale: 'log' | 'linear';
  /** Half the width of the interval around each prediction: a factor on a logarithmic scale, else a difference. */
  readonly halfWidth?: number;
  readonly points: readonly Point[];
}

/** Values by name, in the order given. */
export interface BarChart extends ChartBase {
  readonly kind: 'bars';
  readonly axis: string;
  readonly bars: readonly { readonly name: string; readonly group: string; readonly value: number }[];
}

/** Values that hold until the next. */
export interface StepChart extends ChartBase {
  readonly kind: 'steps';
  readonly x: string;
  readonly y: string;
  /** Of the values; linear if it is left out. */
  readonly yScale?: 'log' | 'linear';
  readonly series: readonly { readonly name: string; readonly points: readonly Point[] }[];
  /** What the steps are the best of, drawn behind them. */
  readonly dots?: { readonly name: string; readonly points: readonly Point[] };
}

/** The points of a front, beside others. */
export interface FrontChart extends ChartBase {
  readonly kind: 'front';
  readonly x: string;
  readonly y: string;
  readonly points: readonly (Point & { readonly name: string; readonly isKnee: boolean })[];
}

/** Lines through points; the horizontal axis is logarithmic. */
export interface LineChart extends ChartBase {
  readonly kind: 'lines';
  readonly x: string;
  readonly y: string;
  readonly yScale: 'log' | 'linear';
  readonly lines: readonly {
    readonly name: string;
    readonly line: readonly Point[];
    readonly points: readonly Point[];
  }[];
}
