import { createHash } from 'node:crypto';
import type { Chart } from '../charts/chart.js';
import { PAGE_STYLE } from './page-style.js';
import type { Column, Figure, Report, Section, Table } from './form/report.js';

/**
 * A report as one HTML page: styles, charts and numbers are inside, and its security policy forbids the browser to load
 * or send anything. Names come from requests and plug-ins, so every text is escaped.
 *
 * @param script draws the charts; `src/charts/browser/page.ts`, bundled
 */
export function writeHtml({ title, answer, facts, sections }: Report, script: string): string {
  const charts: Chart[] = [];
  const body = sections.map((section) => writeSection(section, charts)).join('\n');
  const policy = [
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
    // The charts have style elements and attributes of their own; nothing that a style could load is allowed.
    "style-src 'unsafe-inline'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escape(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${escape(title)}</h1>
<p class="answer">${escape(answer)}</p>
<dl class="facts">
${facts.map(writeFact).join('\n')}
</dl>
</header>
<main>
${body}
</main>
<footer>Written by Prunecast. This page loads nothing.</footer>
<script type="application/json" id="charts">${embed(charts)}</script>
<script>${script}</script>
</body>
</html>
`;
}

function writeFact({ name, value, note }: Report['facts'][number]): string {
  return `<div><dt>${escape(name)}</dt><dd>${escape(value)}</dd>${note === undefined ? '' : `<dd>${escape(note)}</dd>`}</div>`;
}

function writeSection({ id, title, note, figures }: Section, charts: Chart[]): string {
  return `<section aria-labelledby="${escape(id)}">
<h2 id="${escape(id)}">${escape(title)}</h2>
${note === undefined ? '' : `<p class="note">${escape(note)}</p>\n`}${figures.map((figure) => writeFigure(figure, charts)).join('\n')}
</section>`;
}

function writeFigure({ caption, chart, table, commands }: Figure, charts: Chart[]): string {
  const parts = [
    ...(caption === undefined ? [] : [`<figcaption>${escape(caption)}</figcaption>`]),
    ...(chart === undefined ? [] : [writeChart(chart, charts)]),
    ...(table === undefined ? [] : [chart === undefined ? writeTable(table) : fold(table)]),
    ...(commands === undefined ? [] : [`<pre tabindex="0"><code>${escape(commands.join('\n'))}</code></pre>`]),
  ];
  return `<figure>\n${parts.join('\n')}\n</figure>`;
}

function writeChart(chart: Chart, charts: Chart[]): string {
  const place = charts.push(chart) - 1;
  return `<div class="chart" role="img" aria-label="${escape(chart.label)}" data-chart="${place}"></div>`;
}

/** The numbers of a chart, for those who want them or cannot see it. */
function fold(table: Table): string {
  return `<details><summary>Numbers</summary>\n${writeTable(table)}\n</details>`;
}

function writeTable({ columns, rows }: Table): string {
  const head = columns.map((column) => `<th scope="col"${classOf(column)}>${escape(column.name)}</th>`).join('');
  const body = rows
    .map(
      (cells) =>
        `<tr>${cells.map((cell, index) => `<td${classOf(columns[index])}>${escape(cell)}</td>`).join('')}</tr>`,
    )
    .join('\n');
  // A region that scrolls must be reachable by keyboard.
  return `<div class="scroll" tabindex="0"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${body}
</tbody>
</table></div>`;
}

function classOf(column: Column | undefined): string {
  return column?.form === undefined ? '' : ` class="${column.form}"`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A number stays on one line with its per cent sign. */
function escape(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
    .replaceAll(/(?<=\d) (?=%)/g, '\u00a0');
}

/** JSON inside a script element, which would end at the first `</script>` in it. */
function embed(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
