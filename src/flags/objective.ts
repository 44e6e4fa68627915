import { InvalidArgumentError } from 'commander';
import type { JsonObject, RequestFlag } from './request-flag.js';

/** Flags that say what is improved: `--objective perplexity --objective parameters`, `--limit accuracy=0.4`. */
export const OBJECTIVE_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--objective <NAME[=WEIGHT]>',
    summary: 'metric or cost to improve; several make a front, those with a weight one weighted sum',
    field: 'objectives[]',
    repeats: true,
    parse: parseObjective,
    write: (objective) => writeObjective(objective as JsonObject, 'weight'),
    proposes: { from: 'quantities' },
  },
  {
    flags: '--limit <NAME=VALUE>',
    summary: 'worst value that a metric may have: a minimum, or a maximum if lower is better',
    field: 'objectives[]',
    repeats: true,
    parse: parseLimit,
    write: (objective) => writeObjective(objective as JsonObject, 'limit'),
    showsNoDefault: true,
  },
];

function parseObjective(text: string): JsonObject {
  const { metric, number } = splitName(text);
  return number === undefined ? { metric } : { metric, weight: parseNumber(number) };
}

function parseLimit(text: string): JsonObject {
  const { metric, number } = splitName(text);
  if (number === undefined) throw new InvalidArgumentError('give NAME=VALUE, such as accuracy=0.4.');
  const limit = Number(number);
  if (number.trim() === '' || !Number.isFinite(limit))
    throw new InvalidArgumentError(`"${number}" is not a finite number.`);
  return { metric, limit };
}

/** What comes before and after the first `=`. A name may be written with dashes. */
function splitName(text: string): { readonly metric: string; readonly number: string | undefined } {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  return { metric: name.replaceAll('-', '_'), number: at < 0 ? undefined : text.slice(at + 1) };
}

function parseNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !(number > 0)) throw new InvalidArgumentError(`"${text}" is not a number above 0.`);
  return number;
}

/** A flag gives an objective a weight or a limit, not both; one with neither is `--objective NAME`. */
function writeObjective({ metric = '', ...numbers }: JsonObject, number: 'weight' | 'limit'): string | undefined {
  const names = Object.keys(numbers);
  if (names.length === 0 && number === 'weight') return String(metric);
  return names.length === 1 && names[0] === number ? `${String(metric)}=${String(numbers[number])}` : undefined;
}
