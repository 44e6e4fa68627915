import type { SearchSummary } from './summarise.js';

/** The page that `--markdown` writes: the table of a study, its predictors, and its costs. */
export function formatMarkdown(
  title: string,
  summary: SearchSummary,
  settings: Readonly<Record<string, unknown>>,
): string {
  const {
    dense,
    winner,
    recovered,
    controls,
    controls_paper_recipe,
    predictors,
    recipe,
    recipes,
    tokens_by_phase,
    seconds_by_phase,
    share_beside_labels,
  } = summary;
  const others = Object.keys(winner.other_perplexities);
  const row = (name: string, measured: SearchSummary['dense'], lift = '', interval = ''): string =>
    line([
      name,
      measured.parameters.toLocaleString('en'),
      measured.report_perplexity.toFixed(2),
      ...others.map((text) => (measured.other_perplexities[text] ?? NaN).toFixed(2)),
      lift,
      interval,
    ]);
  const control = (name: string, [, measured]: readonly [string, SearchSummary['controls'][string]]): string =>
    row(name, measured, percent(measured.lift), measured.lift_interval.map(percent).join(' to '));
  return [
    `# ${title}`,
    '',
    'Written by `npm run bench:search`. Perplexities; the lift is 1 - winner / control on the report windows, with a paired 95 % bootstrap interval.',
    '',
    line(['', 'parameters', 'report', ...others, 'lift', 'interval']),
    line(['---', '---:', '---:', ...others.map(() => '---:'), '---:', '---']),
    row('dense', dense),
    row('**winner**', winner),
    ...(recovered === null ? [] : [row('**winner, recovered**', recovered)]),
    ...Object.entries(controls).map((entry) => control(`\`${entry[0].replaceAll('_', '-')}\``, entry)),
    ...Object.entries(controls_paper_recipe).map((entry) =>
      control(`\`${entry[0].replaceAll('_', '-')}\`, the paper's recipe`, entry),
    ),
    '',
    `Recipe: ${recipe.criterion} with ${recipe.compensation}${recipe.stream ? ', finalists, controls and output compensated on their own stream' : ''}. Compared: ${recipes.map(({ criterion, compensation, best }) => `${criterion} with ${compensation} (best ${best === null ? 'not measured' : best.toFixed(2)})`).join(', ')}. ${summary.pairs} pairs, ${summary.predicted.toLocaleString('en')} candidates predicted, ${summary.verified} verified.`,
    ...(recovered === null
      ? []
      : [
          '',
          `The winner was then trained on ${recovered.tokens.toLocaleString('en')} tokens for ${minutes(recovered.seconds)}, which made it ${percent(recovered.lift)} better (${recovered.lift_interval.map(percent).join(' to ')}). Controls are compared with the winner before that.`,
        ]),
    '',
    '| predictor | Kendall tau | R2 |',
    '| --- | ---: | ---: |',
    ...Object.entries(predictors).map(([id, { kendall_tau, r2, chosen }]) =>
      line([`${id}${chosen ? ' (chosen)' : ''}`, kendall_tau.toFixed(3), r2.toFixed(3)]),
    ),
    '',
    '| phase | tokens | seconds |',
    '| --- | ---: | ---: |',
    ...Object.entries(tokens_by_phase).map(([phase, tokens]) =>
      line([phase, tokens.toLocaleString('en'), (seconds_by_phase[phase] ?? NaN).toFixed(0)]),
    ),
    '',
    `The search took ${minutes(summary.search_seconds)} up to its last verification; the controls and the report are counted apart. Phases that label nothing (fit, refine, search) took ${percent(share_beside_labels)} of the whole time. ${summary.labels_paid.toLocaleString('en')} labels were run, ${summary.labels_known.toLocaleString('en')} were known before.`,
    '',
    `Settings: ${Object.entries(settings)
      .map(([name, value]) => `\`${name}\` ${Array.isArray(value) ? value.join(' ') : String(value)}`)
      .join(', ')}.`,
    '',
  ].join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function minutes(seconds: number): string {
  return `${(seconds / 60).toFixed(1)} minutes`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
