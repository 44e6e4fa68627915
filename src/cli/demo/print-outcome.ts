import type { Lift, StudyReport } from '../../client/index.js';
import {
  formatAmount,
  formatCorrelation,
  formatCount,
  formatDuration,
  formatMetric,
  formatShare,
} from '../../words/format.js';
import type { Printer } from '../output/printer.js';
import { readRow, type Measured, type Outcome } from './check-outcome.js';

/** What the demo has written, as the user names it. */
export interface Written {
  readonly model: string;
  readonly page: string;
  readonly stories: string;
  /** Where the next command may write. */
  readonly next: string;
}

/** The outcome: a table, one sentence, what lies where, and what to try next. */
export function printOutcome(
  { reloaded, ...outcome }: Outcome,
  { dense, controls, winner, lifts, summary }: StudyReport,
  { written, command, printer }: { readonly written: Written; readonly command: string; readonly printer: Printer },
): void {
  const row = (name: string, { parameters, perplexity }: Measured, lift?: Lift): string[] => [
    name,
    formatCount(parameters),
    formatShare(1 - parameters / outcome.dense.parameters),
    formatMetric(perplexity),
    lift === undefined
      ? ''
      : `${formatShare(lift.lift)} (${formatShare(lift.low ?? NaN)} to ${formatShare(lift.high ?? NaN)})`,
  ];
  printer.table(
    ['', { title: 'parameters', optional: true }, 'removed', 'perplexity', 'winner better by (95 %)'],
    [
      row('dense', readRow(dense)),
      ...controls.map((control) =>
        row(
          control.name,
          readRow(control),
          lifts.find((lift) => lift.control === control.name && lift.metric === 'perplexity'),
        ),
      ),
      row('winner', readRow(winner)).map(printer.colors.green),
      row('winner, reloaded', reloaded),
    ],
  );
  printer.lines(
    '',
    printer.colors.bold(summary),
    `${formatCount(outcome.pairs)} pairs, ${formatCount(outcome.predicted)} architectures predicted, ${outcome.verified} verified; Kendall tau ${formatCorrelation(outcome.kendall_tau)} on held-out pairs; ${formatAmount(outcome.tokens)} tokens in ${formatDuration(outcome.seconds)}`,
    '',
    `The winner lies in ${written.model}, the report with charts is ${written.page}.`,
  );
  printer.next(
    { why: 'to see what is left of each layer', line: `${command} inspect --model ${written.model}` },
    {
      why: 'to prune it further',
      line: `${command} search --model ${written.model} --text ${written.stories} --remove 10% --effort quick --output ${written.next}`,
    },
  );
}
