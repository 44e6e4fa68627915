import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ScalarType, type DescField } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { checkMessage, type MessageFault } from '../../../src/server/requests/check-message.js';
import { describeBound } from '../../../src/server/requests/field-bound.js';
import { FIELD_BOUNDS } from '../../../src/server/requests/field-bounds.js';
import { messageRule } from '../../../src/server/requests/message-rules.js';
import { commentOf, fullName, listRequestFields, needsBound } from '../../../src/server/requests/request-fields.js';

const fields = listRequestFields();
const bounded = fields.filter((field) => needsBound(field) && fullName(field).startsWith('prunecast.'));

describe('the bounds of requests', () => {
  it('are there for every text, number, bytes and repeated field that a request can hold', () => {
    expect(fields.length).toBeGreaterThan(150);
    expect(
      fields
        .filter(needsBound)
        .map(fullName)
        .filter((name) => FIELD_BOUNDS[name] === undefined),
    ).toEqual([]);
  });

  it('are of no field that is not there', () => {
    const known = new Set(fields.map(fullName));
    expect(Object.keys(FIELD_BOUNDS).filter((name) => !known.has(name))).toEqual([]);
  });

  it('fit the type of the field: a list has most entries, a number two ends, a text most characters', () => {
    const lacking = fields.filter((field) => {
      const { entries, characters, bytes, values, depth, ...range } = FIELD_BOUNDS[fullName(field)] ?? {};
      if ((field.fieldKind === 'list' || field.fieldKind === 'map') !== (entries !== undefined)) return true;
      if (field.message?.typeName === 'google.protobuf.Struct')
        return bytes === undefined || values === undefined || depth === undefined;
      if (!hasScalar(field)) return false;
      if (field.scalar === ScalarType.STRING) return characters === undefined;
      if (field.scalar === ScalarType.BYTES) return bytes === undefined;
      return (
        range.deferred !== true &&
        ((range.min ?? range.above) === undefined || (range.max ?? range.below) === undefined)
      );
    });
    expect(lacking.map(fullName)).toEqual([]);
  });

  it('stand in the proto, as the last line of the comment of the field', () => {
    const wrong = bounded.map((field) => ({
      field: fullName(field),
      stands: commentOf(field).split('\n').at(-1)?.trim(),
      wanted: describeBound(FIELD_BOUNDS[fullName(field)] ?? {}),
    }));
    expect(wrong.filter(({ stands, wanted }) => stands !== wanted)).toEqual([]);
  });

  // What is allowed is read from the comments of the proto, as a person reads them.
  describe('hold on both sides:', () => {
    it.each(
      bounded
        .filter((field) => field.fieldKind === 'list' || field.fieldKind === 'map')
        .map((field) => [fullName(field), field] as const),
    )('the most entries of %s', (_, field) => {
      const most = readNumber(/^At most ([\d,]+) entries/, field);
      expect(check(field, writeEntries(field, most))).toBeUndefined();
      expect(check(field, writeEntries(field, most + 1))).toMatchObject({
        path: field.name,
        description: expect.stringContaining(`more than ${most.toLocaleString('en-US')} entries`),
      });
    });

    it.each(
      bounded
        .filter(({ scalar, fieldKind }) => scalar === ScalarType.STRING && fieldKind !== 'map')
        .map((field) => [fullName(field), field] as const),
    )('the most characters of %s', (_, field) => {
      const most = readNumber(/at most ([\d,]+) characters/i, field);
      const place = field.fieldKind === 'list' ? `${field.name}[0]` : field.name;
      expect(check(field, writeText(field, 'é'.repeat(most)))).toBeUndefined();
      expect(check(field, writeText(field, 'é'.repeat(most + 1)))).toEqual({
        path: place,
        reason: 'INVALID_REQUEST',
        description: `has ${(most + 1).toLocaleString('en-US')} characters; at most ${most.toLocaleString('en-US')} are allowed`,
      });
    });

    const numbers = bounded.filter((field) => isNumber(field) && FIELD_BOUNDS[fullName(field)]?.deferred !== true);
    it.each(numbers.map((field) => [fullName(field), field] as const))('the ends of %s', (_, field) => {
      const place = field.fieldKind === 'list' ? `${field.name}[0]` : field.name;
      const { good, bad } = readEnds(field);
      for (const value of good) expect([value, check(field, writeNumber(field, value))]).toEqual([value, undefined]);
      for (const value of [...bad, ...(isFloating(field) ? [NaN, Infinity, -Infinity] : [])]) {
        expect([value, check(field, writeNumber(field, value))]).toMatchObject([
          value,
          { path: place, description: expect.stringContaining('allowed is') },
        ]);
      }
    });

    it('the most bytes of encodings', () => {
      const field = bounded.find(
        (candidate) => fullName(candidate) === 'prunecast.v1.EncodingBatch.rates',
      ) as DescField;
      const most = readNumber(/^At most ([\d,]+) bytes/, field);
      const write = (length: number) =>
        new BinaryWriter().tag(field.number, WireType.LengthDelimited).bytes(new Uint8Array(length)).finish();
      expect(check(field, write(most))).toBeUndefined();
      expect(check(field, write(most + 1))).toMatchObject({
        path: 'rates',
        description: expect.stringContaining('4,000,001 bytes'),
      });
    });
  });
});

function check(field: DescField, bytes: Uint8Array): MessageFault | undefined {
  return checkMessage(messageRule(field.parent), bytes);
}

function lastSentence(field: DescField): string {
  return commentOf(field).split('\n').at(-1)?.trim() ?? '';
}

function readNumber(pattern: RegExp, field: DescField): number {
  return Number(pattern.exec(lastSentence(field))?.[1]?.replaceAll(',', ''));
}

/** Numbers at the ends of what the comment allows, and one step beyond each. */
function readEnds(field: DescField): { readonly good: number[]; readonly bad: number[] } {
  const step = isFloating(field) ? 1e-9 : 1;
  const find = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(lastSentence(field))?.[1];
    return found === undefined ? undefined : Number(found.replaceAll(',', ''));
  };
  const number = '(-?[\\d.,]*\\d(?:e\\d+)?)';
  const range = new RegExp(`${number} to ${number}\\.$`).exec(lastSentence(field));
  const [min, max] = [range?.[1], range?.[2]].map((end) =>
    end === undefined ? undefined : Number(end.replaceAll(',', '')),
  );
  const [above, below, most] = [
    find(new RegExp(`above ${number}`)),
    find(new RegExp(`below ${number}`)),
    find(new RegExp(`, at most ${number}`)),
  ];
  const top = max ?? most;
  const beyond = (end: number): number =>
    isFloating(field) ? end * 1.001 : end + Math.max(step, Math.abs(end) > 2 ** 52 ? 2 ** 10 : 0);
  return {
    good: [
      min,
      top,
      above === undefined ? undefined : above + step,
      below === undefined ? undefined : below - step,
    ].filter((value) => value !== undefined),
    bad: [
      min === undefined
        ? undefined
        : isFloating(field) && min < 0
          ? beyond(min)
          : min < -(2 ** 52)
            ? min - 2 ** 10
            : min - step,
      top === undefined ? undefined : beyond(top),
      above,
      below,
    ].filter((value) => value !== undefined),
  };
}

function hasScalar({ scalar, fieldKind }: DescField): boolean {
  return scalar !== undefined && fieldKind !== 'map' && scalar !== ScalarType.BOOL;
}

function isFloating({ scalar }: DescField): boolean {
  return scalar === ScalarType.DOUBLE || scalar === ScalarType.FLOAT;
}

function isNumber(field: DescField): boolean {
  return hasScalar(field) && field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES;
}

function writeText({ number }: DescField, text: string): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).string(text).finish();
}

function writeNumber({ number, scalar, fieldKind }: DescField, value: number): Uint8Array {
  const body = new BinaryWriter();
  if (scalar === ScalarType.DOUBLE) body.double(value);
  else if (scalar === ScalarType.FLOAT) body.float(value);
  else body.int64(BigInt(value));
  const writer = new BinaryWriter();
  if (fieldKind === 'list') return writer.tag(number, WireType.LengthDelimited).bytes(body.finish()).finish();
  return writer
    .tag(
      number,
      scalar === ScalarType.DOUBLE ? WireType.Bit64 : scalar === ScalarType.FLOAT ? WireType.Bit32 : WireType.Varint,
    )
    .raw(body.finish())
    .finish();
}

/** As many entries, each empty or 0; of a map with as many keys. */
function writeEntries(field: DescField, count: number): Uint8Array {
  const writer = new BinaryWriter();
  if (isNumber(field) || field.enum !== undefined) {
    const width = field.scalar === ScalarType.DOUBLE ? 8 : field.scalar === ScalarType.FLOAT ? 4 : 1;
    return writer
      .tag(field.number, WireType.LengthDelimited)
      .bytes(new Uint8Array(count * width))
      .finish();
  }
  for (let index = 0; index < count; index++)
    writer.tag(field.number, WireType.LengthDelimited).bytes(new Uint8Array(0));
  return writer.finish();
}
