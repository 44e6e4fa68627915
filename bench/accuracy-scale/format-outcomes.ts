import { formatTable } from '../../src/cli/output/table.js';
import type { LabelName, Outcome } from './compare-labels.js';

/** The label that others are compared with. */
const BASE: LabelName = 'accuracy';

/** Means over all splits, with their standard errors. */
export interface OutcomeRow extends Pick<Outcome, 'questions' | 'label' | 'predictor'> {
  readonly tau: number;
  readonly tau_error: number;
  /** What tau is better by than that of a fit on accuracy, split by split. */
  readonly gain: number;
  readonly gain_error: number;
  /** In accuracy: 0.01 is one question of a hundred. */
  readonly regret: number;
  readonly regret_error: number;
}

/** One row for each number of questions, predictor and label. */
export function summariseOutcomes(outcomes: readonly Outcome[]): OutcomeRow[] {
  const firsts = outcomes.filter(({ seed }) => seed === outcomes[0]?.seed);
  return firsts.map(({ questions, predictor, label }) => {
    const splitsOf = (name: LabelName): Outcome[] =>
      outcomes.filter((own) => own.questions === questions && own.predictor === predictor && own.label === name);
    const [own, base] = [splitsOf(label), splitsOf(BASE)];
    const tau = summarise(own.map((outcome) => outcome.tau));
    const gain = summarise(own.map((outcome, place) => outcome.tau - (base[place]?.tau ?? Number.NaN)));
    const regret = summarise(own.map((outcome) => outcome.regret));
    return {
      questions,
      predictor,
      label,
      tau: tau.mean,
      tau_error: tau.error,
      gain: gain.mean,
      gain_error: gain.error,
      regret: regret.mean,
      regret_error: regret.error,
    };
  });
}

export function formatOutcomes(rows: readonly OutcomeRow[]): string {
  return formatTable(
    ['questions', 'predictor', 'fitted on', 'tau', 'better by', 'regret'],
    rows.map((row) => [
      String(row.questions),
      row.predictor,
      row.label,
      cell(row.tau, row.tau_error),
      row.label === BASE ? '' : cell(row.gain, row.gain_error),
      cell(row.regret, row.regret_error),
    ]),
  ).join('\n');
}

function cell(mean: number, error: number): string {
  return `${mean.toFixed(3)} ± ${error.toFixed(3)}`;
}

function round(value: number): number {
  return Number(value.toFixed(4));
}

/** The mean of values, and its standard error. */
function summarise(values: readonly number[]): { readonly mean: number; readonly error: number } {
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  return { mean: round(mean), error: round(Math.sqrt(squares / (values.length - 1) / values.length)) };
}
