import stringWidth from 'string-width';

/**
 * A line for people. A text is prose, which a terminal gets in lines that fit it. What is to be copied or is laid out
 * already (commands, paths, Markdown) is verbatim: it stays as it is, as a line break within would spoil it.
 */
export type Line = string | Verbatim | Hanging;

/** A line that is never broken. */
export interface Verbatim {
  readonly verbatim: string;
}

/** Prose whose further lines begin below a column of its first one. */
export interface Hanging {
  readonly text: string;
  readonly column: number;
}

/** Where lines go. */
export interface LineStream {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
}

/** What a terminal has that does not say how wide it is. */
const USUAL_WIDTH = 80;

/**
 * The columns that prose and tables have: of a terminal its own. A file or another program gets lines as long as they
 * are, so that `grep` finds whole sentences: undefined.
 */
export function widthOf({ isTTY = false, columns = 0 }: LineStream): number | undefined {
  return isTTY ? (columns > 0 ? columns : USUAL_WIDTH) : undefined;
}

/** Lines of at most `width` columns where words allow it; further lines of a paragraph stand two columns more to the right. */
export function wrapLines(lines: readonly Line[], width: number | undefined): string[] {
  return lines.flatMap((line) => {
    if (typeof line === 'object' && 'verbatim' in line) return line.verbatim.split('\n');
    const { text, column } = typeof line === 'string' ? { text: line, column: undefined } : line;
    return text.split('\n').flatMap((part) => wrapLine(part, width, column));
  });
}

/**
 * A text in lines of at most so many columns, broken at blanks; a longer word stays whole.
 *
 * @param words what may not be broken, each with the blanks before it. @default what stands between blanks
 */
export function breakText(text: string, width: number, hang = '', words = /( *)([^ ]+)/g): string[] {
  if (stringWidth(text) <= width) return [text];
  const [indent = ''] = /^ */.exec(text) ?? [];
  const lines: string[] = [];
  for (const [, gap = '', word = ''] of text.slice(indent.length).matchAll(words)) {
    const last = lines.at(-1);
    const longer = last === undefined ? `${indent}${word}` : `${last}${gap}${word}`;
    if (last === undefined) lines.push(longer);
    else if (stringWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(`${hang}${word}`);
  }
  return lines;
}

/** What stands in quotes or backticks (names, paths, commands) is one word. */
const PROSE_WORDS = /( *)((?:"[^"]*"|`[^`]*`|[^ "`]|["`])+)/g;

function wrapLine(line: string, width: number | undefined, column: number | undefined): string[] {
  const [indent = ''] = /^ */.exec(line) ?? [];
  return width === undefined ? [line] : breakText(line, width, ' '.repeat(column ?? indent.length + 2), PROSE_WORDS);
}
