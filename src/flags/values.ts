import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { didYouMean } from '../core/errors/nearest.js';
import type { Json, JsonObject } from './request-flag.js';

/** A whole number of at least 0: `4096`, `4_096`, `10k`, `1.5M`. */
export function parseCount(value: string): number {
  const count = parseAmount(value);
  if (!Number.isSafeInteger(count)) throw new InvalidArgumentError('give a whole number of at least 0.');
  return count;
}

/** Counts, comma-separated. */
export function parseCounts(value: string): number[] {
  return parseNames(value).map(parseCount);
}

/** Names, comma-separated. */
export function parseNames(value: string): string[] {
  return value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** A number of at least 0, with an optional k, M, G or T (thousands, millions, ...). */
export function parseAmount(value: string): number {
  const match = /^(\d[\d_,]*(?:\.\d+)?(?:e[+-]?\d+)?)\s*([kKMGT]?)B?$/.exec(value.trim());
  if (match === null) throw new InvalidArgumentError('give a number such as 4096, 10k or 1.5M.');
  const [, digits = '', unit = ''] = match;
  // Rounded, as 1.1M is not exactly 1.1 * 1e6 in binary.
  const amount = Number(digits.replaceAll(/[_,]/g, '')) * (UNITS[unit.toUpperCase()] ?? 1);
  return unit === '' ? amount : Math.round(amount);
}

/** Any integer that a seed may be, as text: proto JSON has 64-bit integers so. */
export function parseSeed(value: string): string {
  if (!/^-?\d+$/.test(value)) throw new InvalidArgumentError('give an integer.');
  return String(BigInt(value));
}

/** A share in [0, 1]: `20%` or `0.2`. */
export function parseShare(value: string): number {
  const share = /^\d+(?:\.\d+)?%$/.test(value) ? Number(value.slice(0, -1)) / 100 : Number(value === '' ? NaN : value);
  if (share >= 0 && share <= 1) return share;
  const meant = share > 1 && share <= 100 ? ` Did you mean ${value}%?` : '';
  throw new InvalidArgumentError(`give a share from 0 to 1, or from 0% to 100%.${meant}`);
}

/** The inverse: `20%` where that is exactly the share, else `0.123456789`. */
export function writeShare(share: number): string {
  const percent = `${Number((100 * share).toPrecision(12))}%`;
  return /^\d+(?:\.\d+)?%$/.test(percent) && parseShare(percent) === share ? percent : String(share);
}

/** Shares, comma-separated. */
export function parseShares(value: string): number[] {
  return value.split(',').map((part) => parseShare(part.trim()));
}

/** Layer numbers, comma-separated; `none` for none. */
export function parseLayers(value: string): number[] {
  return value === 'none' ? [] : value.split(',').map((part) => parseCount(part));
}

/** Most pairs that a server takes; a longer range is a typing mistake. */
const MOST_PLACES = 100_000;

/** Places in a list, from 0, and ranges of them, both ends included: `3,7,20-30`. */
export function parsePlaces(value: string): number[] {
  const places = value.split(',').flatMap((part) => {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim());
    const [first, last] = [Number(match?.[1] ?? NaN), Number(match?.[2] ?? match?.[1] ?? NaN)];
    if (!(last >= first) || last - first >= MOST_PLACES)
      throw new InvalidArgumentError('give places and ranges of them, counted from 0, such as 3,7,20-30.');
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  return places;
}

/** A plug-in's option: `depth=6` is `{depth: 6}`. The value is JSON if it can be read as such, else text. */
export function parsePluginOption(value: string): JsonObject {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('give NAME=VALUE, such as depth=6.');
  const text = value.slice(at + 1);
  try {
    return { [value.slice(0, at)]: JSON.parse(text) as Json };
  } catch {
    return { [value.slice(0, at)]: text };
  }
}

/** A label of a job: `team=search` is `{team: 'search'}`. The value is text, whatever it looks like. */
export function parseLabel(value: string): JsonObject {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('give NAME=VALUE, such as team=search.');
  return { [value.slice(0, at)]: value.slice(at + 1) };
}

/**
 * One of an enum's values by its name in small letters, dashes and underscores alike: `ffn-channels` of
 * `DIMENSION_KIND` is `DIMENSION_KIND_FFN_CHANNELS`, as proto JSON has it.
 */
export function parseEnum(prefix: string, names: readonly string[]): (value: string) => string {
  return (value) => {
    const name = value.toLowerCase().replaceAll('_', '-');
    if (!names.includes(name))
      throw new InvalidArgumentError(`choose one of ${names.join(', ')}${didYouMean(value, names) || '.'}`);
    return `${prefix}_${name.toUpperCase().replaceAll(/[-/]/g, '_')}`;
  };
}

/** The JSON of a file, of `-` (standard input), or after an `@`. */
export function parseJsonArgument(value: string): Json {
  return parseJson(readTextArgument(value), value);
}

/** The contents of a file, of `-` (standard input), or what follows an `@`. */
export function readTextArgument(value: string): string {
  if (value.startsWith('@')) return value.slice(1);
  try {
    return readFileSync(value === '-' ? 0 : value, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(`cannot read ${value}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Text as JSON; errors name `source` as its origin. */
export function parseJson(text: string, source: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new InvalidArgumentError(`${source} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const UNITS: Readonly<Record<string, number>> = { K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** A range of rates of a dimension: `layers.0.ffn_channels=0.1..0.4`. */
export function parseRange(value: string): JsonObject {
  const match = /^([^=]+)=([^=]+)\.\.([^=]+)$/.exec(value);
  if (match === null)
    throw new InvalidArgumentError('give DIMENSION=MIN..MAX, such as layers.0.ffn_channels=0.1..0.4.');
  const [, dimension = '', least = '', most = ''] = match;
  return { dimension, min_rate: parseShare(least), max_rate: parseShare(most) };
}
