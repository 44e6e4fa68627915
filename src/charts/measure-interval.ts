import type { ScatterChart } from './chart.js';

/** A label beside its prediction, with the upper end of the interval around the prediction if there is one. */
interface JudgedLabel {
  readonly measured: number;
  readonly predicted: number;
  readonly high?: number | undefined;
}

/**
 * The scale on which all intervals are equally wide, which is that of the fit and shows in the ratios of their ends or
 * in the differences, and half their width on it.
 */
export function measureInterval(labels: readonly JudgedLabel[]): Pick<ScatterChart, 'scale' | 'halfWidth'> {
  const arePositive = labels.every(({ measured, predicted }) => measured > 0 && predicted > 0);
  const ends = labels.flatMap(({ predicted, high }) => (high === undefined ? [] : [{ predicted, high }]));
  const factors = ends.map(({ predicted, high }) => high / predicted);
  const [factor, first] = [factors[0], ends[0]];
  if (factor === undefined || first === undefined) return { scale: arePositive ? 'log' : 'linear' };
  if (arePositive && factors.every((other) => Math.abs(other / factor - 1) < 1e-9))
    return { scale: 'log', halfWidth: factor };
  return { scale: 'linear', halfWidth: first.high - first.predicted };
}
