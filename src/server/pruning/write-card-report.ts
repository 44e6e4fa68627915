import type { OutputReport } from '../requests/manifest-schema.js';

/** The model card of an output, where its exporter writes one. */
export const CARD_FILE = 'README.md';

const HEADING = '## Comparison\n';

/** A model card with what a study reports of it, in place of an earlier such part; any other file is left as it is. */
export function addToCard(card: string, report: OutputReport): string {
  const [frontMatter = ''] = /^---\n.*?\n---\n/s.exec(card) ?? [];
  if (!frontMatter.includes('\n- prunecast\n')) return card;
  const [before = ''] = card.split(`\n${HEADING}`);
  return `${before}\n${HEADING}\n${writeRows(report)}${writeLifts(report)}`;
}

function writeRows({ fingerprint, dense, metrics, controls }: OutputReport): string {
  const names = Object.keys(metrics).toSorted();
  const row = (name: string, values: Readonly<Record<string, number>>): string =>
    `| ${[name, ...names.map((metric) => formatNumber(values[metric]))].join(' | ')} |`;
  return `On the report windows, which nothing else has read, with the fingerprint \`${fingerprint}\`. The controls are what the same budget gives without a search, in this recipe unless they name another; no control is trained.

| model | ${names.map(quote).join(' | ')} |
| --- |${' ---: |'.repeat(names.length)}
${row('unpruned', dense)}
${row('this one', metrics)}
${controls.map(({ name, metrics: measured }) => row(quote(name), measured)).join('\n')}
`;
}

function writeLifts({ lifts, recovered }: OutputReport): string {
  if (lifts.length === 0) return '';
  const rows = lifts.map(
    ({ control, metric, lift, interval }) =>
      `| ${quote(metric)} | ${quote(control)} | ${formatShare(lift)} | ${interval === null ? '' : `${formatShare(interval[0])} to ${formatShare(interval[1])}`} |`,
  );
  return `
How much better it is${recovered ? ', before its recovery,' : ''} than each, with a paired 95 % bootstrap interval:

| metric | control | lift | interval |
| --- | --- | ---: | ---: |
${rows.join('\n')}
`;
}

/** As code within a cell of a table: names of metrics come from plug-ins. */
function quote(text: string): string {
  return `\`${text.replaceAll(/[`|\n]/g, ' ')}\``;
}

function formatNumber(value: number | undefined): string {
  return value === undefined ? '' : value.toLocaleString('en', { maximumSignificantDigits: 6 });
}

function formatShare(value: number): string {
  return `${(100 * value).toLocaleString('en', { maximumFractionDigits: 1 })} %`;
}
