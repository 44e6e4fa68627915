/** Where a text stops being JSON. */
export interface JsonError {
  /** Counted from 1, in UTF-16 code units, as editors count. */
  readonly line: number;
  readonly column: number;
  /** The character that is not allowed there; undefined if the text ends too early. */
  readonly found: string | undefined;
}

/** What may come next. */
type Expected = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end' | 'nothing';

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** Also accepts Python's `NaN` and `Infinity`: a caller that reads those looks for other errors. */
const LITERAL = /(?:true|false|null|NaN|-?Infinity)/y;

/**
 * The first place at which a text is not JSON; undefined if it is JSON. Not every version of Node tells the place in
 * its own error.
 */
export function findJsonError(text: string): JsonError | undefined {
  const at = scan(text);
  if (at === undefined) return undefined;
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n'), found: text[at] };
}

/**
 * The place of the error; undefined if there is none. Nesting is kept in a list, because a hostile file must not
 * exhaust the stack.
 */
function scan(text: string): number | undefined {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = match(SPACE, text, 0);
  while (at < text.length) {
    const next = step(text, at, expected, open);
    if (next === undefined) return at;
    if ('error' in next) return next.error;
    expected = next.expected;
    at = match(SPACE, text, next.at);
  }
  return expected === 'nothing' ? undefined : at;
}

type Step = { readonly at: number; readonly expected: Expected } | { readonly error: number } | undefined;

function step(text: string, at: number, expected: Expected, open: ('{' | '[')[]): Step {
  const char = text[at] as string;
  const afterValue = (): Expected => (open.length === 0 ? 'nothing' : 'comma or end');
  if (
    (char === '}' && open.at(-1) === '{' && (expected === 'key or end' || expected === 'comma or end')) ||
    (char === ']' && open.at(-1) === '[' && (expected === 'value or end' || expected === 'comma or end'))
  ) {
    open.pop();
    return { at: at + 1, expected: afterValue() };
  }
  switch (expected) {
    case 'colon':
      return char === ':' ? { at: at + 1, expected: 'value' } : undefined;
    case 'comma or end':
      return char === ',' ? { at: at + 1, expected: open.at(-1) === '{' ? 'key' : 'value' } : undefined;
    case 'key':
    case 'key or end':
      return char === '"' ? endString(text, at, 'colon') : undefined;
    case 'nothing':
      return undefined;
    default:
  }
  if (char === '{' || char === '[') {
    open.push(char);
    return { at: at + 1, expected: char === '{' ? 'key or end' : 'value or end' };
  }
  if (char === '"') return endString(text, at, afterValue());
  const end = Math.max(match(NUMBER, text, at), match(LITERAL, text, at));
  return end === at ? undefined : { at: end, expected: afterValue() };
}

function endString(text: string, from: number, expected: Expected): Step {
  for (let at = from + 1; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === 0x22) return { at: at + 1, expected };
    if (char < 0x20) return { error: at };
    if (char !== 0x5c) continue;
    at += 1;
    if (text[at] === 'u' ? !/^[\da-fA-F]{4}$/.test(text.slice(at + 1, at + 5)) : !'"\\/bfnrt'.includes(text[at] ?? ' '))
      return { error: at };
  }
  return { error: text.length };
}

/** Where a match that begins at a place ends; the place itself if there is no match. */
function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
