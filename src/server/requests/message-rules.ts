import { ScalarType, type DescEnum, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import type { FieldBound } from './field-bound.js';
import { FIELD_BOUNDS } from './field-bounds.js';

/** How the value of a field is read from the wire. */
export type ValueKind = 'integer' | 'float' | 'double' | 'bool' | 'enum' | 'string' | 'bytes' | 'message';

/** What one field of a request may hold. */
export interface FieldRule {
  readonly name: string;
  readonly kind: ValueKind;
  /** The wire type of one value. */
  readonly wire: WireType;
  readonly shape: 'single' | 'list' | 'map';
  readonly bound: FieldBound;
  /** Names by number; for enums only. */
  readonly names: ReadonlyMap<number, string>;
  /** For messages, and for the entries of a map. A function, because a Struct holds Structs. */
  readonly message: (() => MessageRule) | undefined;
}

export interface MessageRule {
  readonly typeName: string;
  /** Whether its fields are left out of paths: those of a Struct are named only by its keys, as in JSON. */
  readonly hidesNames: boolean;
  /** By field number. */
  readonly fields: ReadonlyMap<number, FieldRule>;
}

const known = new Map<DescMessage, MessageRule>();

/** The rules of a message: its descriptor, and the bounds of its fields. */
export function messageRule(message: DescMessage): MessageRule {
  const found = known.get(message);
  if (found !== undefined) return found;
  const rule: MessageRule = {
    typeName: message.typeName,
    hidesNames: message.file.name === 'google/protobuf/struct',
    fields: new Map(message.fields.map((field) => [field.number, fieldRule(field)])),
  };
  known.set(message, rule);
  return rule;
}

function fieldRule(field: DescField): FieldRule {
  const bound = FIELD_BOUNDS[`${field.parent.typeName}.${field.name}`] ?? {};
  const plain = {
    name: field.name,
    bound,
    names: new Map<number, string>(),
    message: undefined,
    shape: field.fieldKind === 'list' ? 'list' : 'single',
  } as const;
  if (field.fieldKind === 'map') {
    // The bounds of characters are for the keys and for values that are texts, those of numbers for the values.
    const { characters, ...limits } = bound;
    const key: FieldRule = {
      ...plain,
      ...scalarKind(field.mapKey),
      shape: 'single',
      name: 'key',
      bound: characters === undefined ? {} : { characters },
    };
    const kind = valueKind(field);
    const value: FieldRule = {
      ...plain,
      ...kind,
      shape: 'single',
      name: 'value',
      bound: kind.kind === 'string' ? key.bound : limits,
    };
    const entry: MessageRule = {
      typeName: `${field.parent.typeName}.${field.name}`,
      hidesNames: true,
      fields: new Map([
        [1, key],
        [2, value],
      ]),
    };
    return { ...plain, kind: 'message', wire: WireType.LengthDelimited, shape: 'map', message: () => entry };
  }
  return { ...plain, ...valueKind(field) };
}

function valueKind({
  message,
  enum: names,
  scalar,
}: DescField): Pick<FieldRule, 'kind' | 'wire' | 'names' | 'message'> {
  if (message !== undefined)
    return { kind: 'message', wire: WireType.LengthDelimited, names: new Map(), message: () => messageRule(message) };
  if (names !== undefined) return { kind: 'enum', wire: WireType.Varint, names: enumNames(names), message: undefined };
  return { ...scalarKind(scalar as ScalarType), names: new Map(), message: undefined };
}

function enumNames({ values }: DescEnum): ReadonlyMap<number, string> {
  return new Map(values.map(({ number, name }) => [number, name]));
}

function scalarKind(scalar: ScalarType): Pick<FieldRule, 'kind' | 'wire'> {
  switch (scalar) {
    case ScalarType.STRING:
      return { kind: 'string', wire: WireType.LengthDelimited };
    case ScalarType.BYTES:
      return { kind: 'bytes', wire: WireType.LengthDelimited };
    case ScalarType.DOUBLE:
      return { kind: 'double', wire: WireType.Bit64 };
    case ScalarType.FLOAT:
      return { kind: 'float', wire: WireType.Bit32 };
    case ScalarType.BOOL:
      return { kind: 'bool', wire: WireType.Varint };
    case ScalarType.INT32:
    case ScalarType.INT64:
      return { kind: 'integer', wire: WireType.Varint };
    default:
      throw new RangeError(`a request with the scalar type ${ScalarType[scalar]} cannot be checked yet`);
  }
}
