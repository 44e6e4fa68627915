import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import type { ReportRow } from '../../gen/prunecast/v1/study_types.js';
import { formatCount, formatMetric, formatShare } from '../../words/format.js';
import { describeLeftOutControls } from '../../words/describe-left-out-controls.js';
import { describeLift } from '../../words/describe-lift.js';
import type { Section } from '../form/report.js';

/** The winner beside the unpruned model and the controls. */
export function writeComparison({ study, metric, higherIsBetter }: StudyOverview): Section | undefined {
  const report = study?.report;
  if (report?.winner === undefined) return undefined;
  const sign = higherIsBetter ? -1 : 1;
  const controls = report.controls.toSorted(
    (a, b) => sign * ((a.metrics[metric] ?? Number.NaN) - (b.metrics[metric] ?? Number.NaN)),
  );
  const { recovered } = report;
  const rows = [report.dense, report.winner, recovered, ...controls].filter(
    (row): row is ReportRow => row !== undefined,
  );
  const metrics = [...new Set([metric, ...rows.flatMap((row) => Object.keys(row.metrics))])];
  const dense = Number(report.dense?.parameters ?? 0n);
  const measured = rows.filter((row) => row.metrics[metric] !== undefined);
  const lifts = report.lifts
    .filter((lift) => lift.metric === metric && Number.isFinite(lift.lift))
    .sort((a, b) => a.lift - b.lift);
  const nameOf = (control: string): string => `${control}${control === report.bestControl ? ' (best)' : ''}`;
  return {
    id: 'comparison',
    title: 'Winner, unpruned model and controls',
    note: `Measured on the report windows, which no choice has seen; ${higherIsBetter ? 'more' : 'less'} ${metric} is better. Controls are what the winner must beat: architectures of the same size that take no search. ${recovered === undefined ? '' : 'They are not trained, and so the winner is compared with them as it was before its recovery. '}${[describeLeftOutControls(report.leftOutControls), ...report.notes.map(toSentence)].join(' ')}`.trimEnd(),
    figures: [
      {
        caption: `The ${metric} of each.`,
        chart: {
          kind: 'intervals',
          label: `${metric} of the winner, the unpruned model and the controls`,
          axis: metric,
          unit: 'number',
          rows: measured.map((row) => ({
            name: row.name,
            value: row.metrics[metric] ?? Number.NaN,
            isMain: row.name === 'winner',
          })),
        },
        table: {
          columns: [
            { name: 'architecture' },
            { name: 'parameters', form: 'number' },
            { name: 'removed', form: 'number' },
            ...metrics.map((name) => ({ name, form: 'number' as const })),
            { name: `${metric}, verify windows`, form: 'number' },
          ],
          rows: rows.map((row) => [
            row.name,
            formatCount(row.parameters),
            dense > 0 ? formatShare(1 - Number(row.parameters) / dense) : '',
            ...metrics.map((name) => formatValue(row.metrics[name])),
            formatValue(row.verifyMetrics[metric]),
          ]),
        },
      },
      ...(lifts.length === 0
        ? []
        : [
            {
              caption: `By how much the winner${recovered === undefined ? '' : ', before its recovery,'} is better than each control, with the 95 % interval of a paired bootstrap over the report windows. An interval that reaches 0 means: no difference was shown.`,
              chart: {
                kind: 'intervals' as const,
                label: `By how much the winner is better than each control`,
                axis: 'better by',
                unit: 'share' as const,
                reference: 0,
                rows: lifts.map(({ control, lift, low, high }) => ({
                  name: nameOf(control),
                  value: lift,
                  ...(low === undefined || high === undefined ? {} : { low, high }),
                  isMain: control === report.bestControl,
                })),
              },
              table: {
                columns: [{ name: 'control' }, { name: 'better by', form: 'number' as const }, { name: 'interval' }],
                rows: lifts.map((lift) => [nameOf(lift.control), formatShare(lift.lift), describeLift(lift)]),
              },
            },
          ]),
    ],
  };
}

function formatValue(value: number | undefined): string {
  return value === undefined ? '' : formatMetric(value);
}

function toSentence(note: string): string {
  return `${note[0]?.toUpperCase() ?? ''}${note.slice(1)}.`;
}
