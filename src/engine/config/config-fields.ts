import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import { CONFIG_FILE } from '../files/file-names.js';
import { malformed, show } from '../files/model-errors.js';
import { isRecord } from '../files/read-json.js';

type Entries = Readonly<Record<string, unknown>>;

/** Smallest and largest value of a number; `fallback` is used if the entry is missing or null. */
export interface NumberBounds {
  readonly min: number;
  readonly max: number;
  readonly fallback?: number | undefined;
}

/** A whole number within bounds. Throws MODEL_MALFORMED, also if it is missing and there is no `fallback`. */
export function readSize(config: Entries, key: string, { min, max, fallback }: NumberBounds, path = ''): number {
  const value = config[key] ?? fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw unfit(`${path}${key}`, value, `a whole number from ${min} to ${max}`);
}

/** A finite number within bounds. Throws MODEL_MALFORMED, also if it is missing and there is no `fallback`. */
export function readNumber(config: Entries, key: string, { min, max, fallback }: NumberBounds, path = ''): number {
  const value = config[key] ?? fallback;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw unfit(`${path}${key}`, value, `a number from ${min} to ${max}`);
}

/** Whether something is on; missing and null mean `fallback`. Throws MODEL_MALFORMED. */
export function readFlag(
  config: Entries,
  key: string,
  { fallback, path = '' }: { readonly fallback: boolean; readonly path?: string },
): boolean {
  const value = config[key] ?? fallback;
  if (typeof value === 'boolean') return value;
  throw unfit(`${path}${key}`, value, 'true or false');
}

/** Says what an entry is and what it should be. */
function unfit(name: string, value: unknown, wanted: string): PrunecastError {
  if (value === undefined || value === null) return malformed(CONFIG_FILE, `${name} is missing; it must be ${wanted}`);
  if (typeof value === 'string')
    return malformed(CONFIG_FILE, `${name} is the text ${show(value)}; it must be ${wanted}, without quotes`);
  return malformed(CONFIG_FILE, `${name} is ${show(value)}; it must be ${wanted}`);
}

/**
 * A configuration without the entries that hold NaN or an infinity, and the names of those entries. Python writes and
 * reads such numbers in config.json; most other JSON parsers refuse the whole file, so no output may have them.
 */
export function dropNonFinite(config: Readonly<Record<string, unknown>>): {
  readonly kept: Readonly<Record<string, unknown>>;
  readonly dropped: readonly string[];
} {
  const dropped = Object.keys(config).filter((key) => !isFinite(config[key]));
  return dropped.length === 0
    ? { kept: config, dropped }
    : { kept: Object.fromEntries(Object.entries(config).filter(([key]) => !dropped.includes(key))), dropped };
}

/** Whether all numbers in a parsed JSON value are finite. */
function isFinite(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isFinite);
  return !isRecord(value) || Object.values(value).every(isFinite);
}
