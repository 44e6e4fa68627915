import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import { malformed, show } from '../files/model-errors.js';

/** The configuration of a checkpoint. */
export const CONFIG_FILE = 'config.json';

type Entries = Readonly<Record<string, unknown>>;

/** Least and largest value of a number; `fallback` stands in where it is absent or null. */
export interface NumberBounds {
  readonly min: number;
  readonly max: number;
  readonly fallback?: number | undefined;
}

/** A whole number within bounds. Throws MODEL_MALFORMED, also where it is absent and there is no `fallback`. */
export function readSize(config: Entries, key: string, { min, max, fallback }: NumberBounds, path = ''): number {
  const value = config[key] ?? fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw unfit(`${path}${key}`, value, `a whole number from ${min} to ${max}`);
}

/** A finite number within bounds. Throws MODEL_MALFORMED, also where it is absent and there is no `fallback`. */
export function readNumber(config: Entries, key: string, { min, max, fallback }: NumberBounds, path = ''): number {
  const value = config[key] ?? fallback;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw unfit(`${path}${key}`, value, `a number from ${min} to ${max}`);
}

/** Whether something is on; absent and null stand for `fallback`. Throws MODEL_MALFORMED. */
export function readFlag(
  config: Entries,
  key: string,
  { fallback, path = '' }: { readonly fallback: boolean; readonly path?: string },
): boolean {
  const value = config[key] ?? fallback;
  if (typeof value === 'boolean') return value;
  throw unfit(`${path}${key}`, value, 'true or false');
}

/** What an entry is, in words, and what it should be. */
function unfit(name: string, value: unknown, wanted: string): PrunecastError {
  if (value === undefined || value === null) return malformed(CONFIG_FILE, `${name} is missing; it must be ${wanted}`);
  if (typeof value === 'string')
    return malformed(CONFIG_FILE, `${name} is the text ${show(value)}; it must be ${wanted}, without quotes`);
  return malformed(CONFIG_FILE, `${name} is ${show(value)}; it must be ${wanted}`);
}
