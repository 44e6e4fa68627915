import { BudgetKind } from '../../gen/prunecast/v1/common.js';
import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import type { FrontPoint } from '../../gen/prunecast/v1/study_types.js';
import { formatCount, formatEnum, formatMetric } from '../../words/format.js';
import type { Section } from '../form/report.js';

/** The Pareto front of a study with several objectives. */
export function writeFront({ study }: StudyOverview): Section | undefined {
  const front = study?.report?.front;
  if (front === undefined || front.points.length === 0) return undefined;
  const metrics = [...new Set(front.points.flatMap((point) => Object.keys(point.metrics)))];
  const kinds = [...new Set(front.points.flatMap(({ costs }) => costs.map(({ kind }) => kind)))];
  const names = [...metrics, ...kinds.map(nameKind)];
  // A weighted sum is no single number of a point: then the axes are the first metric and the parameters.
  const objectives = front.reference
    .map(({ objective }) => objective)
    .filter((name) => names.includes(dashed(name)) || names.includes(name));
  const [y = metrics[0] ?? '', x = nameKind(BudgetKind.PARAMETERS)] = objectives;
  return {
    id: 'front',
    title: 'Pareto front',
    note: `The finalists than which no other is better in all objectives, on the verify windows. The knee is the winner: beyond it, giving up more of one objective gains little in another. Hypervolume ${formatMetric(front.hypervolume)}, of the controls ${formatMetric(front.controlHypervolume)}, in natural logs and, of metrics on a linear scale, values.`,
    figures: [
      {
        chart: {
          kind: 'front',
          label: `The front of ${front.points.length} architectures: ${y} against ${x}`,
          x,
          y,
          points: front.points.map((point, index) => ({
            name: `point ${index + 1}`,
            x: valueOf(point, x),
            y: valueOf(point, y),
            isKnee: point.knee,
          })),
        },
        table: {
          columns: ['point', ...names].map((name, index) =>
            index === 0 ? { name } : { name, form: 'number' as const },
          ),
          rows: front.points.map((point, index) => [
            `${index + 1}${point.knee ? ' (knee)' : ''}`,
            ...metrics.map((name) => formatMetric(point.metrics[name] ?? Number.NaN)),
            ...kinds.map((kind) => formatCount(point.costs.find((cost) => cost.kind === kind)?.value ?? Number.NaN)),
          ]),
        },
      },
    ],
  };
}

function nameKind(kind: BudgetKind): string {
  return formatEnum(BudgetKind, kind).replaceAll('-', '_');
}

function dashed(name: string): string {
  return name.replaceAll('-', '_');
}

function valueOf({ metrics, costs }: FrontPoint, name: string): number {
  return metrics[name] ?? costs.find(({ kind }) => nameKind(kind) === dashed(name))?.value ?? Number.NaN;
}
