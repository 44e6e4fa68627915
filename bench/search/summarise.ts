import {
  CompensationFit,
  type ReportRow,
  type StudyReport,
  studyPhaseToJSON,
} from '../../src/gen/prunecast/v1/study_types.js';
import type { Elsewhere } from './measure-elsewhere.js';

interface Row {
  readonly parameters: number;
  readonly report_perplexity: number;
  /** On other texts, by their names. */
  readonly other_perplexities: Readonly<Record<string, number>>;
}

interface ControlRow extends Row {
  /** 1 - winner / control on the report windows. */
  readonly lift: number;
  readonly lift_interval: readonly [number, number];
}

/** What `--json` writes of a study. */
export interface SearchSummary {
  readonly dense: Row;
  readonly winner: Row & { readonly layers: unknown };
  /** The winner after its training, with what that took; null without one. */
  readonly recovered: (ControlRow & { readonly tokens: number; readonly seconds: number }) | null;
  readonly recipe: { readonly criterion: string; readonly compensation: string; readonly stream: boolean };
  readonly recipes: readonly {
    readonly criterion: string;
    readonly compensation: string;
    readonly best: number | null;
  }[];
  readonly controls: Readonly<Record<string, ControlRow>>;
  readonly controls_paper_recipe: Readonly<Record<string, ControlRow>>;
  readonly predictors: Readonly<
    Record<string, { readonly kendall_tau: number; readonly r2: number; readonly chosen: boolean }>
  >;
  readonly pairs: number;
  readonly verified: number;
  readonly predicted: number;
  readonly tokens_by_phase: Readonly<Record<string, number>>;
  readonly seconds_by_phase: Readonly<Record<string, number>>;
  /** Up to the last verification: of all phases except the controls and the report. */
  readonly search_seconds: number;
  /** The share of the seconds in phases that label nothing: fit, refine, search. */
  readonly share_beside_labels: number;
  /** Tokens run for this study. */
  readonly labels_paid: number;
  /** Known before: from other studies on the same model, or from its own trials of the same architecture. */
  readonly labels_known: number;
}

/** The figures of a report; names of controls and phases in snake_case. */
export function summarise(report: StudyReport, elsewhere: readonly Elsewhere[]): SearchSummary {
  const describe = (row: ReportRow | undefined): Row => ({
    parameters: Number(row?.parameters),
    report_perplexity: row?.metrics['perplexity'] ?? NaN,
    other_perplexities: Object.fromEntries(
      elsewhere.map(({ text, perplexities }) => [text, perplexities[row?.name ?? ''] ?? NaN]),
    ),
  });
  const describeControl = (row: ReportRow): ControlRow => {
    const lift = report.lifts.find(({ control }) => control === row.name);
    return { ...describe(row), lift: lift?.lift ?? NaN, lift_interval: [lift?.low ?? NaN, lift?.high ?? NaN] };
  };
  const named = (rows: readonly ReportRow[]): Record<string, ControlRow> =>
    Object.fromEntries(
      rows.map((row) => [row.name.replace('paper-recipe/', '').replaceAll('-', '_'), describeControl(row)]),
    );
  const phases = report.phases.map(({ phase, tokens, elapsedSeconds }) => ({
    name: studyPhaseToJSON(phase).replace('STUDY_PHASE_', '').toLowerCase(),
    tokens: Number(tokens),
    seconds: elapsedSeconds,
  }));
  const secondsOf = (counted: (name: string) => boolean): number =>
    phases.reduce((sum, { name, seconds }) => sum + (counted(name) ? seconds : 0), 0);
  const total = secondsOf(() => true);
  const [chosen] = report.recipes;
  return {
    dense: describe(report.dense),
    winner: { ...describe(report.winner), layers: report.winner?.architecture?.layers },
    recovered:
      report.recovered === undefined
        ? null
        : {
            ...describe(report.recovered),
            lift: report.recoveryLift?.lift ?? NaN,
            lift_interval: [report.recoveryLift?.low ?? NaN, report.recoveryLift?.high ?? NaN],
            tokens: Number(report.recovery?.tokens),
            seconds: report.recovery?.seconds ?? NaN,
          },
    recipe: {
      criterion: chosen?.criterion ?? '',
      compensation: chosen?.compensation ?? '',
      stream: report.compensationFit === CompensationFit.STREAM,
    },
    recipes: report.recipes.map(({ criterion, compensation, best }) => ({
      criterion,
      compensation,
      best: best ?? null,
    })),
    controls: named(report.controls.filter(({ name }) => !name.startsWith('paper-recipe/'))),
    controls_paper_recipe: named(report.controls.filter(({ name }) => name.startsWith('paper-recipe/'))),
    predictors: Object.fromEntries(
      report.predictorScores.flatMap(({ backend, chosen: isChosen, quality }) =>
        quality === undefined ? [] : [[backend, { kendall_tau: quality.kendallTau, r2: quality.r2, chosen: isChosen }]],
      ),
    ),
    pairs: report.pairs,
    verified: report.verified,
    predicted: Number(report.predicted),
    tokens_by_phase: Object.fromEntries(phases.map(({ name, tokens }) => [name, tokens])),
    seconds_by_phase: Object.fromEntries(phases.map(({ name, seconds }) => [name, seconds])),
    search_seconds: secondsOf((name) => name !== 'controls' && name !== 'report'),
    share_beside_labels: total === 0 ? 0 : secondsOf((name) => ['fit', 'refine', 'search'].includes(name)) / total,
    labels_paid: report.labelsPaid,
    labels_known: report.labelsKnown,
  };
}
