import {
  BudgetKind,
  CompensationFit,
  StudyPhase,
  type Front,
  type RecipeComparison,
  type ReportRow,
  type StudyReport,
} from '../../client/index.js';
import { describeLeftOutControls } from '../../words/describe-left-out-controls.js';
import { compareBy, describeLift } from '../../words/describe-lift.js';
import { describeRecovery } from '../../words/describe-recovery.js';
import { formatCost } from '../../words/format-cost.js';
import {
  formatAmount,
  formatCorrelation,
  formatCount,
  formatDuration,
  formatEnum,
  formatMetric,
  formatShare,
} from '../../words/format.js';
import { describeExports, describeNotes } from './describe-exports.js';
import type { Printer } from './printer.js';

/** The outcome of a study. `folder` is the output as the user named it; undefined if none was asked for. */
export function printReport(report: StudyReport, folder: string | undefined, printer: Printer): void {
  const { recovered, recoveryLift } = report;
  const rows = [report.dense, ...report.controls, report.winner, recovered].filter(
    (row): row is ReportRow => row !== undefined,
  );
  const metrics = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))];
  const dense = Number(report.dense?.parameters ?? 0n);
  printer.table(
    ['', 'parameters', 'removed', ...metrics],
    rows.map((row) =>
      [
        row.name,
        formatCount(row.parameters),
        dense > 0 ? formatShare(1 - Number(row.parameters) / dense) : '',
        ...metrics.map((metric) => formatMetric(row.metrics[metric] ?? NaN)),
      ].map(row === report.winner || row === recovered ? printer.colors.green : String),
    ),
  );
  printer.lines(
    '',
    ...report.lifts.map(
      ({ control, metric, lift, low, high }) =>
        `${metric}${recovered === undefined ? '' : ', before recovery'}: ${compareBy(lift)} ${control} (${describeLift({ low, high })})`,
    ),
    ...(recoveryLift === undefined
      ? []
      : [
          `${recoveryLift.metric}, recovered: ${compareBy(recoveryLift.lift)} before (${describeLift(recoveryLift)})`,
          ...describeRecovery(report.recovery),
        ]),
  );
  printer.lines(REPORT_WINDOWS);
  const leftOut = describeLeftOutControls(report.leftOutControls);
  if (leftOut !== '') printer.lines(leftOut);
  if (report.summary !== '') printer.lines(printer.colors.bold(report.summary));
  if (report.front !== undefined) printFront(report.front, printer);
  printer.lines(
    '',
    `${formatCount(report.pairs)} pairs, ${formatCount(report.predicted)} architectures predicted, ${report.verified} verified, ${formatAmount(report.tokensSpent)} tokens run`,
  );
  printer.lines(
    `labels: ${formatCount(report.labelsPaid)} measured, ${formatCount(report.labelsKnown)} known from earlier work`,
  );
  printer.lines(...describeRecipes(report));
  const { fitQuality } = report;
  if (fitQuality !== undefined)
    printer.lines(
      `predictor: Kendall tau ${formatCorrelation(fitQuality.kendallTau)}, R2 ${formatCorrelation(fitQuality.r2)} (${fitQuality.split}, ${fitQuality.heldOut} held out)`,
    );
  for (const { backend, chosen, quality, notTried } of report.predictorScores) {
    printer.lines(
      `  ${backend}: ${quality === undefined ? `${chosen ? 'not judged' : 'not tried'}, ${notTried}` : `Kendall tau ${formatCorrelation(quality.kendallTau)}, R2 ${formatCorrelation(quality.r2)} (${quality.split})`}${chosen ? ', chosen' : ''}`,
    );
  }
  printer.lines('');
  printer.table(
    ['phase', 'tokens', 'time'],
    report.phases.map(({ phase, tokens, elapsedSeconds }) => [
      formatEnum(StudyPhase, phase),
      formatAmount(tokens),
      formatDuration(elapsedSeconds),
    ]),
  );
  printer.lines(
    '',
    `study ${report.studyId}`,
    `predictor ${report.predictorId}`,
    ...(report.output === '' ? [] : [{ verbatim: `wrote ${folder ?? report.output}` }]),
    ...describeExports(report.exports, folder ?? report.output),
    ...describeNotes(report),
  );
}

/** A finished search has told the winner's value on the verify windows, and a measurement of the output gives another. */
const REPORT_WINDOWS =
  'All measured on the report windows, which no choice has seen: what was told on the verify windows, or is measured on the whole text, differs.';

/** The points of a front on the verify windows with their costs and metrics; the knee is marked. */
function printFront({ points, hypervolume, controlHypervolume, reference }: Front, printer: Printer): void {
  const metrics = [...new Set(points.flatMap((point) => Object.keys(point.metrics)))];
  const kinds = [...new Set(points.flatMap(({ costs }) => costs.map(({ kind }) => kind)))];
  printer.lines('', 'front (verify windows)');
  printer.table(
    ['', ...kinds.map((kind) => formatEnum(BudgetKind, kind)), ...metrics],
    points.map((point) => [
      point.knee ? 'knee' : '',
      ...kinds.map((kind) => formatCost(kind, point.costs.find((cost) => cost.kind === kind)?.value ?? NaN)),
      ...metrics.map((metric) => formatMetric(point.metrics[metric] ?? NaN)),
    ]),
  );
  const worst = reference.map(({ objective, value }) => `${objective} ${formatMetric(value)}`).join(', ');
  printer.lines(
    `hypervolume ${formatMetric(hypervolume)}, of the controls ${formatMetric(controlHypervolume)} (up to ${worst})`,
  );
}

/** The recipes that were compared, how the output is compensated, and the curve. */
function describeRecipes({ recipes, compensationFit, curve }: StudyReport): string[] {
  const [chosen] = recipes;
  const others = recipes.slice(1).map(nameRecipe);
  return [
    ...(chosen === undefined
      ? []
      : [
          `recipe: ${nameRecipe(chosen)}${others.length === 0 ? '' : `, better than ${others.join(', ')}`}${compensationFit === CompensationFit.STREAM ? '; finalists, controls and output compensated on their own activations' : ''}`,
        ]),
    ...(curve === undefined
      ? []
      : [`curve: ${compareBy(curve.lift)} uniform-paper at the budget, as the two lines tell`]),
  ];
}

function nameRecipe({ criterion, compensation, best }: RecipeComparison): string {
  return `${criterion} with ${compensation}${best === undefined ? '' : ` (${formatMetric(best)})`}`;
}
