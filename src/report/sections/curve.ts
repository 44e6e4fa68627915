import { BudgetKind } from '../../gen/prunecast/v1/common.js';
import type { LabelPoint, StudyOverview } from '../../gen/prunecast/v1/study.js';
import { TextPart, TrialRole, type Line } from '../../gen/prunecast/v1/study_types.js';
import { formatCount, formatEnum, formatMetric, formatShare } from '../../words/format.js';
import type { LineChart } from '../../charts/chart.js';
import type { Section } from '../form/report.js';

/** The two lines through several sizes of `preset: paper`. */
export function writeCurve({ study, metric, logScale, labels, sizeKind }: StudyOverview): Section | undefined {
  const curve = study?.report?.curve;
  if (curve?.finalists === undefined || curve.uniformPaper === undefined) return undefined;
  const reported = labels.filter(({ part }) => part === TextPart.REPORT);
  const lines = [
    {
      name: 'finalists',
      fit: curve.finalists,
      points: listPoints(reported.filter(({ role }) => role === TrialRole.FINALIST)),
    },
    {
      name: 'uniform-paper',
      fit: curve.uniformPaper,
      points: listPoints(reported.filter(({ control }) => control === 'uniform-paper')),
    },
  ];
  const sizes = lines.flatMap(({ points }) => points.map(({ x }) => x));
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const toMetric = logScale ? Math.exp : (value: number) => value;
  const size = formatEnum(BudgetKind, sizeKind).replaceAll('-', ' ');
  return {
    id: 'curve',
    title: 'The line through several sizes',
    note: `Finalists and uniform-paper at several sizes around the budget, as the paper's procedure has them, on the report windows. At the budget the finalists' line is ${formatShare(curve.lift)} better.`,
    figures: [
      {
        chart: {
          kind: 'lines',
          label: `${metric} of finalists and uniform-paper over ${size}, with a line through each`,
          x: size,
          y: metric,
          yScale: logScale ? 'log' : 'linear',
          lines: lines.map(({ name, fit, points }) => ({
            name,
            points,
            line: spread(least, most).map((x) => ({ x, y: toMetric(valueAt(fit, x)) })),
          })),
        },
        table: {
          columns: [{ name: 'architecture' }, { name: size, form: 'number' }, { name: metric, form: 'number' }],
          rows: lines.flatMap(({ name, points }) => points.map(({ x, y }) => [name, formatCount(x), formatMetric(y)])),
        },
      },
    ],
  };
}

function listPoints(labels: readonly LabelPoint[]): LineChart['lines'][number]['points'] {
  return labels
    .flatMap(({ size, value }) => (size === undefined || value === undefined ? [] : [{ x: size, y: value }]))
    .sort((a, b) => a.x - b.x);
}

/** Sizes from one end to the other, in equal ratios: the line is straight on logarithmic axes only. */
function spread(least: number, most: number): number[] {
  return Array.from({ length: 21 }, (_, place) => least * (most / least) ** (place / 20));
}

function valueAt({ intercept, slope }: Line, size: number): number {
  return intercept + slope * Math.log(size);
}
