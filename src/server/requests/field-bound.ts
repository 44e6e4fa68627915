import type { Reason } from '../../core/errors/reasons.js';

/** What a field of a request may hold. All bounds of numbers refuse numbers that are not finite. */
export interface FieldBound {
  /** The most entries of a repeated field or a map; the other bounds then hold for each entry. */
  readonly entries?: number;
  /** Numbers: the lowest, inclusive. */
  readonly min?: number;
  /** Numbers: instead of `min`, exclusive. */
  readonly above?: number;
  /** Numbers: the highest, inclusive. */
  readonly max?: number;
  /** Numbers: instead of `max`, exclusive. */
  readonly below?: number;
  /** The most characters of a text, of the keys of a map, and of its values if they are texts. */
  readonly characters?: number;
  /** The most bytes of a bytes field, and of an encoded Struct. */
  readonly bytes?: number;
  /** The most values of a Struct, with nested ones. */
  readonly values?: number;
  /** The deepest nesting of a Struct. */
  readonly depth?: number;
  /** Numbers that are checked later, when the position in a stream of pairs is known: PAIRS_INVALID. */
  readonly deferred?: true;
  /** The reason of a refusal. @default INVALID_REQUEST */
  readonly reason?: Reason;
}

/** A bound as a sentence: in the field's comment in the proto, and in docs/limits.md. */
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
