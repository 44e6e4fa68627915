import { BudgetKind, type EvaluationResult, type FurtherResult } from '../../client/index.js';
import { formatCount, formatDuration, formatEstimate, formatMetric } from '../../words/format.js';
import type { Printer } from './printer.js';

/** What a table says of an evaluation beside its results. */
export interface EvaluationNotes {
  /** What to call each target, by its index. */
  readonly names: readonly string[];
  /** From the request to the last result. */
  readonly seconds: number;
}

/** A row for each target with its metrics, and below how much was measured, of what, and what it took. */
export function printEvaluation(
  results: readonly EvaluationResult[],
  { names, seconds }: EvaluationNotes,
  printer: Printer,
): void {
  const sorted = [...results].sort((a, b) => a.index - b.index);
  const found = sorted.map(listFound);
  const metrics = [...new Set(found.flatMap((values) => [...values.keys()]))];
  printer.table(
    [
      'target',
      'parameters',
      ...metrics,
      { title: 'tokens scored', optional: true },
      { title: 'tokens run', optional: true },
    ],
    sorted.map((result, row) => [
      names[result.index] ?? String(result.index),
      formatCount(result.costs.find(({ kind }) => kind === BudgetKind.PARAMETERS)?.value ?? NaN),
      ...metrics.map((metric) => found[row]?.get(metric) ?? ''),
      formatCount(result.scoredTokens),
      formatCount(result.tokensSpent),
    ]),
  );
  const [first] = sorted;
  if (first === undefined) return;
  const isUncertain = sorted.some((result) =>
    listMeasurements(result).some(({ standardErrors }) => Object.keys(standardErrors).length > 0),
  );
  printer.lines(
    '',
    ...listMeasurements(first).flatMap(describeMeasurement),
    ...(isUncertain ? ['± is one standard error of the mean over these.'] : []),
    ...describeSaving(sorted),
    `It took ${formatDuration(seconds)}. Fingerprints are shown in full by --json.`,
  );
}

function listMeasurements(result: EvaluationResult): Omit<FurtherResult, 'scoredTokens'>[] {
  return [{ ...result, name: '' }, ...result.further];
}

/** The metrics of a result by name, each with its standard error if it has one. */
function listFound(result: EvaluationResult): ReadonlyMap<string, string> {
  return new Map(
    listMeasurements(result).flatMap(({ name, metrics, standardErrors }) =>
      Object.entries(metrics).map(([metric, value]) => {
        const error = standardErrors[metric];
        return [
          name === '' ? metric : `${name}.${metric}`,
          error === undefined ? formatMetric(value) : formatEstimate(value, error),
        ] as const;
      }),
    ),
  );
}

/** What the model did not run of the sequences of all measurements; nothing if labels were known already. */
function describeSaving(results: readonly EvaluationResult[]): string[] {
  const ran = results.filter(({ tokensSpent }) => tokensSpent > 0n);
  const run = ran.reduce((sum, { tokensSpent }) => sum + tokensSpent, 0n);
  const whole = ran.flatMap(listMeasurements).reduce((sum, { fidelity }) => sum + (fidelity?.tokens ?? 0n), 0n);
  const known = results.length - ran.length;
  return [
    ...(known === 0 ? [] : [`${formatCount(known)} of ${formatCount(results.length)} rows were known from before.`]),
    ...(run >= whole
      ? []
      : [
          `${formatCount(run)} of ${formatCount(whole)} tokens ran: those that sequences begin with alike, such as examples, ran once.`,
        ]),
  ];
}

function describeMeasurement({
  name,
  measurement,
  items,
  shortened,
}: Pick<FurtherResult, 'name' | 'measurement' | 'items' | 'shortened'>): string[] {
  if (measurement === undefined) return [];
  const { window, stride, bos, scorer, promptFormat, fingerprint } = measurement;
  const count = formatCount(items);
  const noun = (word: string): string => `${count} ${items === 1 ? word : `${word}s`}`;
  const what =
    window > 0
      ? `${noun('window')} of ${window} tokens, stride ${stride}, ${bos ? 'with' : 'without'} BOS`
      : promptFormat === ''
        ? noun('item')
        : `${noun('question')}, prompt ${promptFormat}`;
  const cut =
    shortened === undefined || shortened.fewerShots + shortened.cut === 0
      ? []
      : [
          `${formatCount(shortened.fewerShots)} prompts were longer than the model's positions and lost examples, ${formatCount(shortened.cut)} were cut on the left`,
        ];
  const head = name === '' ? '' : `${name}: `;
  return [`${head}${describeScorer(scorer)}: ${what}; measurement ${fingerprint.slice(0, 16)}`, ...cut];
}

/** `perplexity`, and its options if it has any, from the JSON of a measurement. */
function describeScorer(scorer: string): string {
  const { id, options } = JSON.parse(scorer) as { readonly id: string; readonly options: Record<string, unknown> };
  const given = Object.entries(options).map(([name, value]) => `${name} ${describeOption(value)}`);
  return [id, ...(given.length === 0 ? [] : [`(${given.join(', ')})`])].join(' ');
}

function describeOption(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : value.map(describeOption).join(' ');
  return typeof value === 'string' && /^[\w-]+$/.test(value) ? value : JSON.stringify(value);
}
