import {
  type AskedCompensation,
  COMPENSATIONS,
  CONTROLS,
  CRITERIA,
  type CompensationName,
  type ControlName,
  type CriterionName,
  type Results,
  type Row,
} from './rows.js';

/**
 * The results as a page that links to their JSON file in bench/results: for each control a table of perplexities
 * (criteria by compensations), and one of sizes.
 */
export function formatResults({ model, settings, dense, rows }: Results, file: string): string {
  return `${[
    `# Recipes compared on ${model}`,
    `Written by \`npm run bench:recipes\`; the figures are in [bench/results/${file}](../bench/results/${file}).`,
    `${model} at ${percent(settings['removed_share'])} fewer parameters (unpruned: ${count(dense.parameters)} parameters, ${count(dense.bytes)} bytes, perplexity ${dense.perplexity.toFixed(2)}). Perplexity of ${String(settings['text'])}, every third of its first ${String(settings['first_windows'])} windows of ${String(settings['window'])} tokens; calibrated on ${count(Number(settings['calibration_tokens']))} tokens, ${String(settings['sequences'])} sequences spread over ${String(settings['calibration_text'])}. The first and last layers are protected as by default. \`uniform-best\` was chosen among the uniform shapes on every twelfth window, none of which is reported on; on the stream it keeps the shape that \`least-squares\` chose. \`half-ffn\` keeps half of the FFN channels of every layer, the first and last ones too.`,
    ...CONTROLS.flatMap((control) =>
      formatControl(
        control,
        rows.filter((row) => row.control === control),
      ),
    ),
    ...(rows.some(({ compensation }) => 'rankedOnStream' in COMPENSATIONS[compensation])
      ? [
          'Units ranked on the stream are ranked by `obs` anew for each architecture, half-block by half-block on their inputs in the model that is pruned and compensated so far: by the weights of the model (`own`), or by those that least squares fit to what the stream lacks while all units stay (`fitted`). Only this benchmark does so.',
        ]
      : []),
    'A dash stands for what was not run.',
  ].join('\n\n')}\n`;
}

function formatControl(control: ControlName, rows: readonly Row[]): string[] {
  const criteria = (Object.keys(CRITERIA) as CriterionName[]).filter((criterion) =>
    rows.some((row) => row.criterion === criterion),
  );
  const compensations = (Object.keys(COMPENSATIONS) as CompensationName[]).filter((compensation) =>
    rows.some((row) => row.compensation === compensation),
  );
  const find = (criterion: CriterionName, compensation: CompensationName): Row | undefined =>
    rows.find((row) => row.criterion === criterion && row.compensation === compensation);
  const table = (cell: (row: Row) => string): string =>
    formatTable(
      ['', ...compensations.map(nameCompensation)],
      criteria.map((criterion) => [
        criterion,
        ...compensations.map((compensation) => {
          const row = find(criterion, compensation);
          return row === undefined ? '-' : cell(row);
        }),
      ]),
    );
  if (rows.length === 0) return [];
  const timed = rows.some(({ seconds }) => seconds !== undefined);
  return [
    `## \`${control}\``,
    table(({ perplexity }) => perplexity.toFixed(2)),
    ...(timed
      ? [
          'Seconds that compensating and measuring an architecture took:',
          table(({ seconds }) => (seconds === undefined ? '-' : seconds.toFixed(0))),
        ]
      : []),
    'What each layer that may be pruned keeps (key-value groups / channels), and the exported model (parameters, bytes):',
    table((row) => `${row.kv_heads} / ${row.ffn_channels}; ${count(row.parameters)}, ${count(row.bytes)}`),
  ];
}

/** As a recipe would ask for it. */
function nameCompensation(name: CompensationName): string {
  const asked: AskedCompensation = COMPENSATIONS[name];
  const options = Object.entries(asked.options).map(([option, value]) => `${option}: ${String(value)}`);
  const { sequences, rankedOnStream } = asked;
  return [
    `${asked.id}${options.length === 0 ? '' : ` {${options.join(', ')}}`}`,
    ...(sequences === undefined ? [] : [`${sequences} sequences`]),
    ...(rankedOnStream === undefined ? [] : [`units ranked on the stream by the ${rankedOnStream} weights`]),
  ].join(', ');
}

function formatTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function percent(share: unknown): string {
  return `${100 * Number(share)} %`;
}
