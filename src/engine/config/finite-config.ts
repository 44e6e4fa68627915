import { isRecord } from '../files/read-json.js';

/**
 * A configuration without the entries that hold NaN or an infinity, and their names. Python writes such numbers into
 * config.json and reads them; most other JSON parsers refuse the whole file, so that no output may have them.
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

/** Whether a value of a parsed JSON text holds finite numbers alone. */
function isFinite(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isFinite);
  return !isRecord(value) || Object.values(value).every(isFinite);
}
