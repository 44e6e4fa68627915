import { isUtf8 } from 'node:buffer';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Reason } from '../../core/errors/reasons.js';
import { describeRange, formatNumber } from './field-bound.js';
import type { FieldRule, MessageRule } from './message-rules.js';

/**
 * The first fault of a message. `path` names the field from the top of the message (`space.ranges[3].min_rate`); it is
 * empty for the message itself.
 */
export interface MessageFault {
  readonly path: string;
  readonly description: string;
  readonly reason: Reason;
}

/** How much the values of a Struct may still have. */
interface StructLimits {
  values: number;
  readonly most: number;
  depth: number;
  readonly deepest: number;
}

/**
 * Checks an encoded message before anything of it is decoded: the wire type of every field, the UTF-8 of texts, the
 * values of enums, and each bound of the rules. Unknown fields are skipped, as in protobuf.
 *
 * @returns undefined if there is no fault
 */
export function checkMessage(rule: MessageRule, bytes: Uint8Array): MessageFault | undefined {
  const reader = new BinaryReader(bytes);
  try {
    return checkFields({ reader, bytes }, rule, bytes.length, undefined);
  } catch (error) {
    // Errors of the reader itself: a truncated value, an invalid tag.
    return malformed(error instanceof Error ? error.message : String(error));
  }
}

interface Source {
  readonly reader: BinaryReader;
  readonly bytes: Uint8Array;
}

function checkFields(
  source: Source,
  rule: MessageRule,
  end: number,
  limits: StructLimits | undefined,
): MessageFault | undefined {
  const { reader } = source;
  /** How many values each field has so far, by its number. */
  let counts: number[] | undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    const [number, wire] = [tag >>> 3, (tag & 7) as WireType];
    if (number === 0 || wire > WireType.Bit32)
      return malformed(`a tag has field number ${number} and wire type ${wire}, which there are not`);
    if (wire === WireType.StartGroup || wire === WireType.EndGroup)
      return malformed(`field ${number} is a group, which the API does not have`);
    const field = rule.fields.get(number);
    if (field === undefined) {
      reader.skip(wire);
    } else {
      let fault: MessageFault | undefined;
      if (field.shape === 'single' && field.kind !== 'message') {
        fault = checkWire(field, wire) ?? checkValue(source, field, end, limits);
      } else {
        counts ??= [];
        const before = counts[number] ?? 0;
        const checked =
          wire !== field.wire && wire === WireType.LengthDelimited && field.shape === 'list'
            ? checkPacked(source, field, end, before)
            : (checkWire(field, wire) ?? checkEntry(source, field, end, limits, before) ?? before + 1);
        if (typeof checked === 'number') counts[number] = checked;
        else fault = checked;
      }
      if (fault !== undefined) return at(rule.hidesNames ? '' : field.name, fault);
    }
    if (reader.pos > end) return malformed('a field is longer than the message that it is part of');
  }
  return undefined;
}

/**
 * A nested message, or one entry of a list or a map: checks the number of entries, then the message. The path of a
 * fault starts with the entry.
 */
function checkEntry(
  source: Source,
  field: FieldRule,
  end: number,
  limits: StructLimits | undefined,
  before: number,
): MessageFault | undefined {
  if (field.shape === 'single')
    return before === 0 ? checkValue(source, field, end, limits) : malformed('comes more than once, and is no list');
  if (before >= (field.bound.entries ?? Infinity)) return tooMany(field);
  const start = source.reader.pos;
  const fault = checkValue(source, field, end, limits);
  if (fault === undefined) return undefined;
  return at(field.shape === 'list' ? `[${before}]` : `.${readKey(source.bytes, start, end)}`, fault);
}

/** The values of a packed list; returns how many entries the list has so far. */
function checkPacked(source: Source, field: FieldRule, end: number, before: number): number | MessageFault {
  const { reader } = source;
  const stop = reader.uint32() + reader.pos;
  if (stop > end) return malformed('is longer than the message that it is part of');
  let index = before;
  for (; reader.pos < stop; index++) {
    if (index >= (field.bound.entries ?? Infinity)) return tooMany(field);
    const fault = checkValue(source, field, stop, undefined);
    if (fault !== undefined) return at(`[${index}]`, fault);
  }
  return reader.pos === stop ? index : malformed('ends within a value');
}

function checkValue(
  source: Source,
  field: FieldRule,
  end: number,
  limits: StructLimits | undefined,
): MessageFault | undefined {
  const { reader, bytes } = source;
  switch (field.kind) {
    case 'bool':
      readInteger(source);
      return undefined;
    case 'integer':
      return checkNumber(readInteger(source), field);
    case 'enum': {
      const value = readInteger(source);
      if (field.names.has(value)) return undefined;
      return refused(
        field,
        `is ${value}; allowed are ${[...field.names]
          .filter(([number]) => number !== 0)
          .map(([number, name]) => `${name} (${number})`)
          .join(', ')}`,
      );
    }
    case 'float':
    case 'double': {
      const width = field.kind === 'float' ? 4 : 8;
      if (reader.pos + width > end) return malformed('is truncated');
      return checkNumber(width === 4 ? reader.float() : reader.double(), field);
    }
    default: {
      const length = reader.uint32();
      const start = reader.pos;
      if (start + length > end) return malformed('is longer than the message that it is part of');
      if (field.kind === 'message') return checkNested(source, field, start + length, limits);
      reader.pos = start + length;
      return field.kind === 'string' ? checkText(bytes, start, length, field) : checkSize(length, field);
    }
  }
}

function checkNested(
  source: Source,
  field: FieldRule,
  end: number,
  limits: StructLimits | undefined,
): MessageFault | undefined {
  const rule = field.message?.();
  if (rule === undefined) return malformed('is no message');
  const { values, depth } = field.bound;
  if (values !== undefined && depth !== undefined) {
    return (
      checkSize(end - source.reader.pos, field) ??
      checkFields(source, rule, end, { values, most: values, depth, deepest: depth })
    );
  }
  if (limits === undefined) return checkFields(source, rule, end, undefined);
  if (rule.typeName === VALUE && limits.values-- === 0)
    return {
      path: '',
      description: `has more than ${formatNumber(limits.most)} values, which is the most that is allowed`,
      reason: 'INVALID_REQUEST',
    };
  if (!NESTING.has(rule.typeName)) return checkFields(source, rule, end, limits);
  if (limits.depth === 0)
    return {
      path: '',
      description: `is nested deeper than ${limits.deepest}, which is the most that is allowed`,
      reason: 'INVALID_REQUEST',
    };
  limits.depth--;
  const fault = checkFields(source, rule, end, limits);
  limits.depth++;
  return fault;
}

const VALUE = 'google.protobuf.Value';
const NESTING = new Set(['google.protobuf.Struct', 'google.protobuf.ListValue']);

function checkNumber(value: number, field: FieldRule): MessageFault | undefined {
  const {
    min = -Number.MAX_VALUE,
    above = -Infinity,
    max = Number.MAX_VALUE,
    below = Infinity,
    deferred,
  } = field.bound;
  // A float32 sent as the end of the range is the float next to it.
  const most = field.kind === 'float' ? Math.fround(max) : max;
  if (deferred === true || (value >= min && value > above && value <= most && value < below)) return undefined;
  const range = describeRange(field.bound);
  return refused(field, `is ${value}; allowed is ${range === '' ? 'a finite number' : range}`);
}

function checkText(bytes: Uint8Array, start: number, length: number, field: FieldRule): MessageFault | undefined {
  const { characters = Infinity } = field.bound;
  if (length <= characters && isShortAscii(bytes, start, length)) return undefined;
  const text = bytes.subarray(start, start + length);
  if (!isUtf8(text)) return malformed('is not UTF-8');
  const count = length <= characters ? length : countCharacters(text);
  return count <= characters
    ? undefined
    : refused(field, `has ${formatNumber(count)} characters; at most ${formatNumber(characters)} are allowed`);
}

/** Most texts are ASCII; making a view of the bytes costs more than this check. */
function isShortAscii(bytes: Uint8Array, start: number, length: number): boolean {
  if (length > 32) return false;
  for (let place = start; place < start + length; place++) if ((bytes[place] ?? 0) > 0x7f) return false;
  return true;
}

/** Code points of a UTF-8 text: continuation bytes start none. */
function countCharacters(text: Uint8Array): number {
  let count = 0;
  for (const byte of text) if ((byte & 0xc0) !== 0x80) count++;
  return count;
}

function checkSize(length: number, field: FieldRule): MessageFault | undefined {
  const { bytes } = field.bound;
  if (bytes === undefined || length <= bytes) return undefined;
  return refused(field, `has ${formatNumber(length)} bytes; at most ${formatNumber(bytes)} are allowed`);
}

/** A varint as a signed 64-bit integer, exact up to 2^53. A longer one in an int32 field is out of bounds then. */
function readInteger({ reader, bytes }: Source): number {
  const groups = [0, 0, 0];
  for (let place = 0; place < 10; place++) {
    const byte = bytes[reader.pos++];
    if (byte === undefined) throw new RangeError('a number is truncated');
    groups[place >> 2] = (groups[place >> 2] ?? 0) | ((byte & 0x7f) << (7 * (place & 3)));
    if (byte < 0x80) return joinGroups(groups as [number, number, number]);
  }
  throw new RangeError('a number has more than 10 bytes');
}

/** Groups of 28, 28 and 8 bits, the lowest first. */
function joinGroups([low, middle, high]: readonly [number, number, number]): number {
  if ((high & 0x80) === 0) return low + middle * 2 ** 28 + (high & 0x7f) * 2 ** 56;
  return -((~low & 0xfffffff) + (~middle & 0xfffffff) * 2 ** 28 + (~high & 0x7f) * 2 ** 56 + 1);
}

/** The key of a map's entry, for a fault's path. */
function readKey(bytes: Uint8Array, start: number, end: number): string {
  const entry = new BinaryReader(bytes.subarray(start, end));
  const length = entry.uint32();
  const stop = Math.min(entry.pos + length, entry.len);
  while (entry.pos < stop) {
    const [number, wire] = entry.tag();
    if (number === 1 && wire === WireType.LengthDelimited) return entry.string().slice(0, 128);
    entry.skip(wire);
  }
  return '';
}

function at(name: string, fault: MessageFault): MessageFault {
  return {
    ...fault,
    path: name === '' || /^([[.]|$)/.test(fault.path) ? `${name}${fault.path}` : `${name}.${fault.path}`,
  };
}

function tooMany(field: FieldRule): MessageFault {
  const most = formatNumber(field.bound.entries ?? 0);
  return refused(field, `has more than ${most} entries, which is the most that is allowed`);
}

function checkWire(field: FieldRule, wire: WireType): MessageFault | undefined {
  return wire === field.wire ? undefined : malformed(`has wire type ${wire}; a field of this type has ${field.wire}`);
}

function refused(field: FieldRule, description: string): MessageFault {
  return { path: '', description, reason: field.bound.reason ?? 'INVALID_REQUEST' };
}

function malformed(description: string): MessageFault {
  return { path: '', description, reason: 'MESSAGE_MALFORMED' };
}
