import { formatTable } from '../../src/cli/output/table.js';
import type { SearchSummary } from './summarise.js';

/** The table of a study: one row per model, one column per text. */
export function formatSummary({
  dense,
  winner,
  controls,
  controls_paper_recipe,
  predictors,
  seconds_by_phase,
  share_beside_labels,
}: SearchSummary): string {
  const others = Object.keys(winner.other_perplexities);
  const row = (name: string, measured: SearchSummary['dense']): string[] => [
    name,
    measured.parameters.toLocaleString('en'),
    measured.report_perplexity.toFixed(3),
    ...others.map((text) => (measured.other_perplexities[text] ?? NaN).toFixed(3)),
  ];
  const compared = [
    ...Object.entries(controls),
    ...Object.entries(controls_paper_recipe).map(([name, control]) => [`${name}, paper's recipe`, control] as const),
  ];
  return [
    ...formatTable(
      ['', 'parameters', 'report', ...others, 'lift', '95 % interval'],
      [
        [...row('dense', dense), '', ''],
        [...row('winner', winner), '', ''],
        ...compared.map(([name, control]) => [
          ...row(name, control),
          percent(control.lift),
          control.lift_interval.map(percent).join(' to '),
        ]),
      ],
    ),
    '',
    ...Object.entries(predictors).map(
      ([id, { kendall_tau, r2, chosen }]) =>
        `${id}: Kendall tau ${kendall_tau.toFixed(3)}, R2 ${r2.toFixed(3)}${chosen ? ' (chosen)' : ''}`,
    ),
    `seconds: ${Object.entries(seconds_by_phase)
      .map(([phase, seconds]) => `${phase} ${seconds.toFixed(0)}`)
      .join(', ')}; beside labels ${percent(share_beside_labels)}`,
    '',
  ].join('\n');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
