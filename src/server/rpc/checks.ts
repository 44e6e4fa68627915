import { PrunecastError } from '../../core/errors/prunecast-error.js';

/** The text, which must not be empty. Throws INVALID_REQUEST with the field's path. */
export function requireText(value: string, field: string): string {
  if (value === '') throw PrunecastError.ofField(field, 'is empty: it is required');
  return value;
}

/** The message, which must be set. Throws INVALID_REQUEST with the field's path. */
export function requireSet<Value>(value: Value | undefined, field: string): Value {
  if (value === undefined) throw PrunecastError.ofField(field, 'is not set: it is required');
  return value;
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** The number, which must be finite and within the bounds, ends included. Throws INVALID_REQUEST with the field's path. */
export function requireNumber(value: number, field: string, { min, max }: Bounds): number {
  if (!(value >= min && value <= max)) throw PrunecastError.ofField(field, `is ${value}: allowed are numbers from ${min} to ${max}`);
  return value;
}

/** The integer, which must be within the bounds, ends included; an int64 must be a safe integer. Throws INVALID_REQUEST with the field's path. */
export function requireInteger(value: number | bigint, field: string, { min, max }: Bounds = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < min || number > max) throw PrunecastError.ofField(field, `is ${value}: allowed are integers from ${min} to ${max}`);
  return number;
}

/** The page size: 100 when it is 0. Throws INVALID_REQUEST below 0 and above 1000. */
export function readPageSize(value: number): number {
  return value === 0 ? 100 : requireInteger(value, 'page_size', { min: 0, max: 1000 });
}

/** The value of an enum that this server knows, undefined when it is unset (0). Throws INVALID_REQUEST for a number without a name. */
export function readEnum<Value extends number>(value: Value, names: Readonly<Record<string, Value>>, field: string): Value | undefined {
  if (value === 0) return undefined;
  const known = Object.entries(names).filter(([, number]) => number > 0);
  if (!known.some(([, number]) => number === value)) {
    throw PrunecastError.ofField(field, `is ${value}: allowed are ${known.map(([name, number]) => `${name} (${number})`).join(', ')}`);
  }
  return value;
}
