import { create, ScalarType, type DescEnum, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage, type ScalarValue } from '@bufbuild/protobuf/reflect';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { drawBytes, drawInteger, drawJson, drawLong, drawNumber, drawString, happens, pick } from './draw-value.js';
import type { Rng } from '../../src/core/random.js';

/**
 * How often a repeated field may be multiplied; a message may have 4 MiB, so the largest factors are for small
 * elements.
 */
const REPEATS = [2, 10, 100, 1000, 3000, 20_000, 100_000];

/** The approximate number of bytes that one mutation may add. */
const MOST_ADDED_BYTES = 3_000_000;

/** The nesting of messages that are made from nothing. */
const MOST_LEVELS = 4;

const STRUCT = StructSchema.typeName;

/**
 * Changes one to three fields of a message, at any depth: other values, absent fields, other members of a oneof, long
 * or empty lists.
 *
 * @param known texts that mean something to the server
 */
export function mutateMessage(message: ReflectMessage, rng: Rng, known: readonly string[]): void {
  const count = pick(rng, [1, 1, 1, 2, 3]);
  for (let change = 0; change < count; change++) {
    const places = listPlaces(message);
    if (places.length === 0) return;
    const { owner, field } = pick(rng, places);
    mutateField(owner, field, rng, known);
  }
}

interface Place {
  readonly owner: ReflectMessage;
  readonly field: DescField;
}

/**
 * All fields of a message and of the messages in it, set or not. A Struct is one field: its content is drawn as JSON.
 */
function listPlaces(owner: ReflectMessage): Place[] {
  return owner.desc.fields.flatMap((field): Place[] => {
    const here = { owner, field };
    if (!owner.isSet(field)) return [here];
    // Set fields are better targets than unset ones.
    const own = [here, here];
    if (field.fieldKind === 'message' && field.message.typeName !== STRUCT)
      return [...own, ...listPlaces(owner.get(field))];
    if (field.fieldKind === 'list' && field.listKind === 'message') {
      const first = [...owner.get(field)][0];
      return first === undefined ? own : [...own, ...listPlaces(first as ReflectMessage)];
    }
    return own;
  });
}

function mutateField(owner: ReflectMessage, field: DescField, rng: Rng, known: readonly string[]): void {
  if (owner.isSet(field) && happens(rng, 0.15)) return owner.clear(field);
  switch (field.fieldKind) {
    case 'scalar':
      return owner.set(field, drawScalar(field.scalar, rng, known));
    case 'enum':
      return owner.set(field, drawEnum(field.enum, rng));
    case 'message':
      return owner.set(field, drawMessage(field.message, rng, known));
    case 'list':
      return mutateList(owner, field, rng, known);
    case 'map':
      return mutateMap(owner, field, rng, known);
  }
}

function mutateList(
  owner: ReflectMessage,
  field: DescField & { fieldKind: 'list' },
  rng: Rng,
  known: readonly string[],
): void {
  const list = owner.get(field);
  const draw = (): unknown => drawElement(field, rng, known);
  if (list.size > 0 && happens(rng, 0.4)) list.set(rng.integer(list.size), draw());
  else list.add(draw());
  if (!happens(rng, 0.3)) return;
  const element = list.get(list.size - 1);
  const bytes = estimateBytes(element);
  const count = Math.min(pick(rng, REPEATS), Math.floor(MOST_ADDED_BYTES / bytes));
  for (let index = 0; index < count; index++) list.add(element);
}

function drawElement(field: DescField & { fieldKind: 'list' }, rng: Rng, known: readonly string[]): unknown {
  switch (field.listKind) {
    case 'scalar':
      return drawScalar(field.scalar, rng, known);
    case 'enum':
      return drawEnum(field.enum, rng);
    case 'message':
      return drawMessage(field.message, rng, known);
  }
}

function mutateMap(
  owner: ReflectMessage,
  field: DescField & { fieldKind: 'map' },
  rng: Rng,
  known: readonly string[],
): void {
  const map = owner.get(field);
  if (field.mapKind !== 'scalar') return;
  const count = happens(rng, 0.1) ? pick(rng, [100, 3000, 50_000]) : 1;
  for (let index = 0; index < count; index++) {
    const name = count === 1 ? drawString(rng, known) : `metric_${index}`;
    map.set(name.slice(0, 1000), drawScalar(field.scalar, rng, known) as ScalarValue);
  }
}

/** A message with some of its fields set. */
export function drawMessage(desc: DescMessage, rng: Rng, known: readonly string[], level = 0): ReflectMessage {
  if (desc.typeName === STRUCT) return drawStruct(rng, known);
  const message = reflect(desc, create(desc));
  for (const field of desc.fields) {
    if (!happens(rng, field.oneof === undefined ? 0.6 : 0.5)) continue;
    switch (field.fieldKind) {
      case 'scalar':
        message.set(field, drawScalar(field.scalar, rng, known));
        break;
      case 'enum':
        message.set(field, drawEnum(field.enum, rng));
        break;
      case 'message':
        if (level < MOST_LEVELS) message.set(field, drawMessage(field.message, rng, known, level + 1));
        break;
      case 'map':
        mutateMap(message, field, rng, known);
        break;
      case 'list': {
        const list = message.get(field);
        for (let index = rng.integer(4); index > 0; index--) {
          if (field.listKind !== 'message') list.add(drawElement(field, rng, known));
          else if (level < MOST_LEVELS) list.add(drawMessage(field.message, rng, known, level + 1));
        }
      }
    }
  }
  return message;
}

/** Options of a plug-in: some that exist, with any value. JSON has no NaN, the wire form of a Struct does. */
function drawStruct(rng: Rng, known: readonly string[]): ReflectMessage {
  const names = [
    'norm',
    'order',
    'scope',
    'trees',
    'depth',
    'damping',
    'fit',
    'path',
    'alpha',
    'population',
    'learning_rate',
    'form',
    'format',
    'x',
  ];
  const fields = Object.fromEntries(
    Array.from({ length: 1 + rng.integer(3) }, () => [pick(rng, names), toValue(drawJson(rng, known))]),
  );
  return reflect(StructSchema, create(StructSchema, { fields: fields as never }));
}

/** One case of a `google.protobuf.Value`. */
function kind(name: string, value: unknown): unknown {
  return { kind: { case: name, value } };
}

function toValue(json: unknown): unknown {
  if (json === null) return kind('nullValue', 0);
  if (typeof json === 'boolean') return kind('boolValue', json);
  if (typeof json === 'number') return kind('numberValue', json);
  if (typeof json === 'string') return kind('stringValue', json);
  if (Array.isArray(json)) return kind('listValue', { values: json.map(toValue) });
  return kind('structValue', {
    fields: Object.fromEntries(Object.entries(json as object).map(([name, value]) => [name, toValue(value)])),
  });
}

function drawEnum({ values }: DescEnum, rng: Rng): number {
  return happens(rng, 0.8) ? pick(rng, values).number : pick(rng, [-1, 99, 2 ** 31 - 1]);
}

function drawScalar(type: ScalarType, rng: Rng, known: readonly string[]): ScalarValue {
  switch (type) {
    case ScalarType.DOUBLE:
      return drawNumber(rng);
    case ScalarType.FLOAT:
      return Math.fround(drawNumber(rng));
    case ScalarType.BOOL:
      return happens(rng, 0.5);
    case ScalarType.STRING:
      return drawString(rng, known);
    case ScalarType.BYTES:
      return drawBytes(rng);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return drawLong(rng);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return BigInt.asUintN(64, drawLong(rng));
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return drawInteger(rng) >>> 0;
    default:
      return drawInteger(rng);
  }
}

function estimateBytes(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return 4 + value.length;
  if (typeof value === 'object' && value !== null && 'message' in value)
    return (
      4 +
      JSON.stringify((value as { message: Message }).message, (_, part: unknown) =>
        typeof part === 'bigint' ? String(part) : part,
      ).length
    );
  return 9;
}

/** The most bytes of a message that are damaged one by one. */
const MOST_DAMAGED = 1000;

/** Damages an encoded message: flips bits, and removes, doubles or inserts parts. */
export function mutateBytes(bytes: Uint8Array, rng: Rng): Uint8Array {
  const at = rng.integer(bytes.length + 1);
  const to = Math.min(bytes.length, at + 1 + rng.integer(16));
  switch (rng.integer(7)) {
    // Nested groups, as deep as a message can hold: a decoder that skips them recursively runs out of stack.
    case 5:
      return Buffer.concat([bytes, new Uint8Array(pick(rng, [100, 10_000, 1_000_000])).fill(0x0b)]);
    case 0:
      return flipBit(bytes, at, rng.integer(8));
    case 1:
      return bytes.slice(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([
        bytes.subarray(0, at),
        Uint8Array.from({ length: 1 + rng.integer(12) }, () => rng.integer(256)),
        bytes.subarray(at),
      ]);
    default: {
      const damaged = bytes.slice();
      for (let count = Math.min(MOST_DAMAGED, Math.ceil(bytes.length / 20)); count > 0; count -= 1)
        damaged[rng.integer(bytes.length)] = rng.integer(256);
      return damaged;
    }
  }
}

function flipBit(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const flipped = bytes.slice();
  if (at < bytes.length) flipped[at] = (bytes[at] as number) ^ (1 << bit);
  return flipped;
}
