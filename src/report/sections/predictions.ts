import type { BackendScore } from '../../gen/prunecast/v1/predictor_types.js';
import type { PredictedLabel, StudyOverview } from '../../gen/prunecast/v1/study.js';
import { formatCorrelation, formatCount, formatMetric, formatShare } from '../../words/format.js';
import { measureInterval } from '../../charts/measure-interval.js';
import { describeLeftOut } from './describe-left-out.js';
import type { Figure, Section } from '../form/report.js';

/** The most labels that are listed in numbers. */
const MOST_LISTED = 200;

/** What the predictor says of pairs that it was not fitted on, beside their labels. */
export function writePredictions({
  study,
  metric,
  predictedLabels,
  predictedLabelsLeftOut,
}: StudyOverview): Section | undefined {
  if (predictedLabels.length === 0) return undefined;
  return {
    id: 'predictions',
    title: 'Predicted against measured',
    note: `Each pair as predicted by fits on other pairs, against its label on the search windows; on the diagonal a prediction is right.${describeLeftOut(predictedLabels.length, predictedLabelsLeftOut, 'pairs')}${describeCoverage(predictedLabels)}`,
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
        table: {
          isDetail: true,
          columns: ['measured', 'predicted', 'lower end', 'upper end'].map((name) => ({ name, form: 'number' })),
          rows: predictedLabels
            .slice(0, MOST_LISTED)
            .map(({ measured, predicted, low, high }) =>
              [measured, predicted, low, high].map((value) => (value === undefined ? '' : formatMetric(value))),
            ),
        },
      },
      ...writeScores(study?.report?.predictorScores ?? []),
    ],
  };
}

function describeCoverage(labels: readonly PredictedLabel[]): string {
  const judged = labels.filter(({ low, high }) => low !== undefined && high !== undefined);
  if (judged.length === 0) return '';
  const inside = judged.filter(({ measured, low = 0, high = 0 }) => measured >= low && measured <= high).length;
  return ` ${formatCount(inside)} of ${formatCount(judged.length)} labels (${formatShare(inside / judged.length)}) lie within the 90 % interval of their prediction.`;
}

function writeScores(scores: readonly BackendScore[]): Figure[] {
  const judged = scores.flatMap((score) => (score.quality === undefined ? [] : [{ ...score, quality: score.quality }]));
  if (judged.length === 0) return [];
  return [
    {
      caption: 'How well the backends ranked pairs that they had not seen, when one was chosen.',
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
          formatCorrelation(quality.kendallTau),
          formatCorrelation(quality.spearman),
          formatCorrelation(quality.r2),
          formatMetric(quality.mae),
          formatCount(quality.heldOut),
          quality.split,
        ]),
      },
    },
  ];
}
