import { BUDGET_ROWS, type BudgetRowName, type FoundRow } from './rows.js';

/** The page that `--markdown` writes: a line a budget, means over the seeds. */
export function formatBudgets(
  model: string,
  found: readonly FoundRow[],
  settings: Readonly<Record<string, string>>,
): string {
  const names = (Object.keys(BUDGET_ROWS) as BudgetRowName[]).filter((name) => found.some(({ row }) => row === name));
  return [
    `# Searches at several budgets on ${model}`,
    '',
    'Written by `npm run bench:budgets`. Perplexities on the report windows, means over the seeds. The lift is 1 - winner / `uniform-best`; sure are those whose 95 % bootstrap interval does not reach 0.',
    '',
    '| less | seeds | dense | `uniform-best` | winner | lift | least to most | sure | Kendall tau |',
    '| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |',
    ...names.map((name) =>
      formatRow(
        BUDGET_ROWS[name].title,
        found.filter(({ row }) => row === name),
      ),
    ),
    '',
    `Settings: ${Object.entries(settings)
      .map(([name, value]) => `\`${name}\` ${value}`)
      .join(', ')}.`,
    '',
  ].join('\n');
}

function formatRow(title: string, rows: readonly FoundRow[]): string {
  const lifts = rows.map(({ lift }) => lift).sort((a, b) => a - b);
  const cells = [
    title,
    String(rows.length),
    ...[rows.map(({ dense }) => dense), rows.map((row) => row.uniform_best), rows.map(({ winner }) => winner)].map(
      (values) => mean(values).toFixed(2),
    ),
    percent(mean(lifts)),
    `${percent(lifts[0] ?? NaN)} to ${percent(lifts.at(-1) ?? NaN)}`,
    String(rows.filter(({ interval }) => interval[0] > 0).length),
    mean(rows.map((row) => row.kendall_tau)).toFixed(2),
  ];
  return `| ${cells.join(' | ')} |`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
