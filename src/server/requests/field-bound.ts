import type { Reason } from '../../core/errors/reasons.js';

/** What a field of a request may hold. A number that is not finite is refused by every bound of numbers. */
export interface FieldBound {
  /** Most entries of a repeated field or a map; the other bounds are then those of each entry. */
  readonly entries?: number;
  /** Numbers: the least, the end included. */
  readonly min?: number;
  /** Numbers: in place of `min`, the end excluded. */
  readonly above?: number;
  /** Numbers: the most, the end included. */
  readonly max?: number;
  /** Numbers: in place of `max`, the end excluded. */
  readonly below?: number;
  /** Most characters of a text, and of the keys of a map. */
  readonly characters?: number;
  /** Most bytes of a bytes field, and of an encoded Struct. */
  readonly bytes?: number;
  /** Most values of a Struct, nested ones included. */
  readonly values?: number;
  /** How deep a Struct may be nested. */
  readonly depth?: number;
  /** Numbers that are checked later, by whoever can name the place in a stream of pairs: PAIRS_INVALID. */
  readonly deferred?: true;
  /** The reason of a refusal. @default INVALID_REQUEST */
  readonly reason?: Reason;
}

/** A bound as a sentence: it stands in the field's comment in the proto, and in docs/limits.md. */
export function describeBound(bound: FieldBound): string {
  const { entries, characters } = bound;
  const each = describeEach(bound);
  if (entries === undefined) return each.startsWith('at most') ? `${each.replace('at', 'At')}.` : `Allowed: ${each}.`;
  const keys =
    bound.deferred === undefined || characters === undefined
      ? ''
      : `, keys at most ${formatNumber(characters)} characters`;
  return `At most ${formatNumber(entries)} entries${keys}${each === '' ? '' : `, each ${each}`}.`;
}

/** The numbers that a bound allows: `0 to 1`, `above 0, at most 16`. */
export function describeRange({ min, above, max, below }: FieldBound): string {
  if (min !== undefined && max !== undefined) return `${formatNumber(min)} to ${formatNumber(max)}`;
  return [
    min !== undefined && `at least ${formatNumber(min)}`,
    above !== undefined && `above ${formatNumber(above)}`,
    max !== undefined && `at most ${formatNumber(max)}`,
    below !== undefined && `below ${formatNumber(below)}`,
  ]
    .filter((part) => part !== false)
    .join(', ');
}

/** A number as people write it: `4,096`, `0.0001`, `1e15`. */
export function formatNumber(value: number): string {
  const exponent = Math.log10(Math.abs(value));
  if (exponent >= 12 && Number.isInteger(exponent)) return `${value < 0 ? '-' : ''}1e${exponent}`;
  return Math.abs(value) >= 1e21 ? String(value) : value.toLocaleString('en-US', { maximumFractionDigits: 12 });
}

function describeEach(bound: FieldBound): string {
  const { characters, bytes, values, depth, deferred } = bound;
  const range = describeRange(bound);
  if (range !== '') return range;
  if (deferred === true) return 'a finite number';
  if (values !== undefined && depth !== undefined)
    return `at most ${formatNumber(bytes ?? 0)} bytes, ${formatNumber(values)} values, nested ${depth} deep`;
  if (bytes !== undefined) return `at most ${formatNumber(bytes)} bytes`;
  return characters === undefined ? '' : `at most ${formatNumber(characters)} characters`;
}
