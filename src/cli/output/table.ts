import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';
import { breakText } from './wrap-lines.js';

/** A column by its title; an optional one is left out first where a terminal is too narrow. */
export type Column = string | { readonly title: string; readonly optional: true };

/** How a table is laid out. */
export interface TableLayout {
  /** Columns of the terminal; undefined for as many as it takes. */
  readonly width?: number | undefined;
  /** Styles the line of titles. */
  readonly heading?: (line: string) => string;
  /** Styles what is said about columns that are left out. */
  readonly remark?: (line: string) => string;
}

/**
 * Lines of a table, columns two spaces apart. Columns whose cells all start with a digit, sign or dash stand to the
 * right, the others to the left. Cells may be coloured.
 *
 * Where it is wider than the terminal, texts are broken between words first, then optional columns are left out, the
 * last one first, and if that is not enough each row becomes a list of its cells.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width, heading = String, remark = String }: TableLayout = {},
): string[] {
  const leftOut: string[] = [];
  for (let shown = columns.map((_, place) => place); ; ) {
    const titles = shown.map((place) => titleOf(columns[place] ?? ''));
    const cells = rows.map((row) => shown.map((place) => row[place] ?? ''));
    const widths = fitWidths(titles, cells, width);
    if (widths !== undefined) return [...layOut(titles, cells, widths, heading), ...tellLeftOut(leftOut, remark)];
    const dropped = shown.findLast((place) => typeof columns[place] === 'object');
    if (dropped === undefined) return [...listRows(columns, rows, width, heading)];
    leftOut.unshift(titleOf(columns[dropped] ?? ''));
    shown = shown.filter((place) => place !== dropped);
  }
}

/** Texts are not broken into columns narrower than this. */
const NARROWEST_TEXT = 24;
const GAP = '  ';

function titleOf(column: Column): string {
  return typeof column === 'string' ? column : column.title;
}

/** The width of each column; undefined if they do not fit, however texts are broken. */
function fitWidths(
  titles: readonly string[],
  cells: readonly (readonly string[])[],
  width = Infinity,
): number[] | undefined {
  const all = [titles, ...cells];
  const widths = titles.map((_, column) => Math.max(0, ...all.map((row) => stringWidth(row[column] ?? ''))));
  const least = titles.map((title, column) =>
    Math.max(
      NARROWEST_TEXT,
      stringWidth(title),
      ...all.flatMap((row) => (row[column] ?? '').split(' ').map((word) => stringWidth(word))),
    ),
  );
  let excess = widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1)) - width;
  for (; excess > 0; excess -= 1) {
    const spare = widths.map((each, column) => (each > (least[column] ?? 0) ? each : 0));
    const widest = spare.indexOf(Math.max(...spare));
    if (!((spare[widest] ?? 0) > 0)) return undefined;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function layOut(
  titles: readonly string[],
  cells: readonly (readonly string[])[],
  widths: readonly number[],
  heading: (line: string) => string,
): string[] {
  const isNumeric = titles.map(
    (_, column) =>
      cells.length > 0 && cells.every((row) => /^(?:[-+]?\d|-$|$)/.test(stripVTControlCharacters(row[column] ?? ''))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, isNumeric[column] === true))
      .join(GAP)
      .trimEnd();
  const linesOf = (row: readonly string[]) => {
    const broken = row.map((cell, column) => breakText(cell, widths[column] ?? 0));
    const height = Math.max(1, ...broken.map((parts) => parts.length));
    return Array.from({ length: height }, (_, at) => line(broken.map((parts) => parts[at] ?? '')));
  };
  return [
    ...linesOf(titles).map(heading),
    widths.map((each) => '-'.repeat(each)).join(GAP),
    ...cells.flatMap((row) => linesOf(row)),
  ];
}

/** Each row as lines of title and cell, an empty line between rows. */
function listRows(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Infinity,
  heading: (line: string) => string,
): string[] {
  const titles = columns.map(titleOf);
  const left = Math.max(0, ...titles.map((title) => stringWidth(title)));
  return rows.flatMap((row, place) => [
    ...(place === 0 ? [] : ['']),
    ...titles.flatMap((title, column) =>
      breakText(row[column] ?? '', Math.max(NARROWEST_TEXT, width - left - GAP.length)).map((part, at) =>
        `${heading(pad(at === 0 ? title : '', left, false))}${GAP}${part}`.trimEnd(),
      ),
    ),
  ]);
}

function tellLeftOut(titles: readonly string[], remark: (line: string) => string): string[] {
  if (titles.length === 0) return [];
  return [remark(`(not shown: ${titles.join(', ')}; a wider terminal, a pipe or --json has all)`)];
}

function pad(text: string, width: number, toRight: boolean): string {
  const blank = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return toRight ? `${blank}${text}` : `${text}${blank}`;
}
