import type { Figure, Report, Table } from './form/report.js';

/** A report as GitHub-flavoured Markdown: all its texts and tables; charts are told by their tables. */
export function writeMarkdown({ title, answer, facts, sections }: Report): string {
  return `${[
    `# ${escape(title)}`,
    escape(answer),
    facts
      .map(
        ({ name, value, note }) =>
          `- ${escape(name)}: **${escape(value)}**${note === undefined ? '' : ` (${escape(note)})`}`,
      )
      .join('\n'),
    ...sections.flatMap((section) => [
      `## ${escape(section.title)}`,
      ...(section.note === undefined ? [] : [escape(section.note)]),
      ...section.figures.flatMap(writeFigure),
    ]),
  ].join('\n\n')}\n`;
}

function writeFigure({ caption, table, commands }: Figure): string[] {
  if (commands === undefined && (table === undefined || table.isDetail === true)) return [];
  return [
    ...(caption === undefined ? [] : [escape(caption)]),
    ...(table === undefined || table.isDetail === true ? [] : [writeTable(table)]),
    ...(commands === undefined ? [] : [writeFence(commands.join('\n'))]),
  ];
}

function writeTable({ columns, rows }: Table): string {
  return [
    writeRow(columns.map(({ name }) => name)),
    `| ${columns.map(({ form }) => (form === 'number' ? '---:' : '---')).join(' | ')} |`,
    ...rows.map(writeRow),
  ].join('\n');
}

function writeRow(cells: readonly string[]): string {
  return `| ${cells.map(escape).join(' | ')} |`;
}

/** Code between fences that are longer than any run of backticks in it. */
function writeFence(code: string): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}sh\n${code}\n${fence}`;
}

/** Text that Markdown shows as it is: names come from requests and plug-ins. */
function escape(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>|#~&]/g, (character) => `\\${character}`).replaceAll(/\s+/g, ' ');
}
