import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { DEFAULT_PAGE_SIZE } from './defaults.js';

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

/** Bounds that depend on something other than the field. The fixed ones are in the table of bounds (`FIELD_BOUNDS`). */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/**
 * The number, which must be finite and within the bounds, ends included. Throws INVALID_REQUEST with the field's path.
 */
export function requireNumber(value: number, field: string, { min, max }: Bounds): number {
  if (!(value >= min && value <= max))
    throw PrunecastError.ofField(field, `is ${value}: allowed are numbers from ${min} to ${max}`);
  return value;
}

/** The integer, which must be within the bounds, ends included. Throws INVALID_REQUEST with the field's path. */
export function requireInteger(value: number, field: string, { min, max }: Bounds): number {
  if (!(value >= min && value <= max))
    throw PrunecastError.ofField(field, `is ${value}: allowed are integers from ${min} to ${max}`);
  return value;
}

/** The page size; the default for 0. */
export function readPageSize(value: number): number {
  return value === 0 ? DEFAULT_PAGE_SIZE : value;
}

/** The value of an enum, undefined when it is unset (0). */
export function readEnum<Value extends number>(value: Value): Value | undefined {
  return value === 0 ? undefined : value;
}
