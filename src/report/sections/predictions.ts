import type { PredictedLabel, StudyOverview } from '../../gen/prunecast/v1/study.js';
import { formatCount, formatMetric, formatShare } from '../../cli/output/format.js';
import type { ScatterChart } from '../../charts/chart.js';
import type { Section } from '../form/report.js';

/** What the predictor says of pairs that it was not fitted on, beside their labels. */
export function writePredictions({ study, metric, predictedLabels }: StudyOverview): Section | undefined {
  if (predictedLabels.length === 0) return undefined;
  const inside = predictedLabels.filter(
    ({ measured, low, high }) => low !== undefined && high !== undefined && measured >= low && measured <= high,
  ).length;
  const hasIntervals = predictedLabels.some(({ low }) => low !== undefined);
  const scores = study?.report?.predictorScores ?? [];
  const judged = scores.flatMap((score) => (score.quality === undefined ? [] : [{ ...score, quality: score.quality }]));
  return {
    id: 'predictions',
    title: 'Predicted against measured',
    note: `Each pair as predicted by fits on other pairs, against its label on the search windows; on the diagonal a prediction is right.${hasIntervals ? ` ${formatCount(inside)} of ${formatCount(predictedLabels.length)} labels (${formatShare(inside / predictedLabels.length)}) lie within the 90 % interval of their prediction.` : ''}`,
    figures: [
      {
        chart: {
          kind: 'scatter',
          label: `Predicted against measured ${metric} of ${predictedLabels.length} pairs`,
          x: `measured ${metric}`,
          y: `predicted ${metric}`,
          ...measureInterval(predictedLabels),
          points: predictedLabels.map(({ measured, predicted }) => ({ x: measured, y: predicted })),
        },
        ...(judged.length === 0
          ? {}
          : {
              caption: 'How well the backends ranked pairs that they had not seen.',
              table: {
                columns: [
                  { name: 'backend' },
                  ...['Kendall tau', 'Spearman', 'R²', 'mean error', 'held out'].map((name) => ({
                    name,
                    form: 'number' as const,
                  })),
                  { name: 'split' },
                ],
                rows: judged.map(({ backend, chosen, quality }) => [
                  `${backend}${chosen ? ' (chosen)' : ''}`,
                  quality.kendallTau.toFixed(2),
                  quality.spearman.toFixed(2),
                  quality.r2.toFixed(2),
                  formatMetric(quality.mae),
                  formatCount(quality.heldOut),
                  quality.split,
                ]),
              },
            }),
      },
    ],
  };
}

/** Intervals are equally wide on the scale of the fit, which shows in the ratios of their ends or in the differences. */
function measureInterval(labels: readonly PredictedLabel[]): Pick<ScatterChart, 'scale' | 'halfWidth'> {
  const arePositive = labels.every(({ measured, predicted }) => measured > 0 && predicted > 0);
  const ends = labels.flatMap(({ predicted, high }) => (high === undefined ? [] : [{ predicted, high }]));
  const factors = ends.map(({ predicted, high }) => high / predicted);
  const [factor, first] = [factors[0], ends[0]];
  if (factor === undefined || first === undefined) return { scale: arePositive ? 'log' : 'linear' };
  if (arePositive && factors.every((other) => Math.abs(other / factor - 1) < 1e-9))
    return { scale: 'log', halfWidth: factor };
  return { scale: 'linear', halfWidth: first.high - first.predicted };
}
