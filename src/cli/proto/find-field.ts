import type { DescField, DescFile, DescMessage } from '@bufbuild/protobuf';
import { protoRegistry } from './proto-json.js';

/** Where a path leads: the fields on the way, outermost first. */
export type FieldPath = readonly DescField[];

/**
 * The fields that a path names in a message: `findField('prunecast.v1.SearchRequest', 'recipes[0].seed')`. Names inside
 * a Struct or a map are the caller's own, so any is accepted. Undefined if there is no such field.
 */
export function findField(typeName: string, path: string): FieldPath | undefined {
  let message: DescMessage | undefined = protoRegistry().getMessage(typeName);
  const fields: DescField[] = [];
  for (const step of path.split('.')) {
    const last = fields.at(-1);
    if (last?.fieldKind === 'map' || last?.message?.typeName === 'google.protobuf.Struct') return fields;
    const name = step.replace(/\[(\d*|\+)\]$/, '');
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    if (field === undefined) return undefined;
    fields.push(field);
    message = field.message;
  }
  return fields;
}

/**
 * The server's default for a field, from the comment of the field in the proto or of the nearest one around it: `120`
 * of "Default 120." Undefined if no comment tells one.
 */
export function describeDefault(typeName: string, path: string): string | undefined {
  return (findField(typeName, path) ?? [])
    .map((field) => sayFlagValues(DEFAULT_SENTENCE.exec(commentOf(field))?.[1], field))
    .findLast((sentence) => sentence !== undefined)
    ?.replaceAll('`', '');
}

/** The values of the field's enum in a sentence as flags take them: `one-shot` for `ONE_SHOT`. */
function sayFlagValues(sentence: string | undefined, { enum: type }: DescField): string | undefined {
  const names = type?.values.map(({ name }) => name) ?? [];
  return sentence?.replaceAll(/\b[A-Z][A-Z0-9_]+\b/g, (word) =>
    names.some((name) => name.endsWith(`_${word}`)) ? word.toLowerCase().replaceAll('_', '-') : word,
  );
}

const DEFAULT_SENTENCE = /\b(?:Default:?|The default[:,]|takes the default,) (.+?)\.(?=\s|$)/;

/** The comment above a field in its proto, then the one above the value that its enum has if unset, as one line. */
export function commentOf({ parent, proto, enum: type }: DescField): string {
  const field = readComment(parent.file, [
    4,
    parent.file.messages.indexOf(parent),
    2,
    parent.proto.field.indexOf(proto),
  ]);
  return type === undefined ? field : `${field} ${readComment(type.file, [5, type.file.enums.indexOf(type), 2, 0])}`;
}

/**
 * The numbers that lead to a declaration in a file's descriptor: 4 messages, 5 enums, 2 the fields or values of one.
 */
function readComment(file: DescFile, path: readonly number[]): string {
  const found = file.proto.sourceCodeInfo?.location.find((location) => location.path.join() === path.join());
  return (found?.leadingComments ?? '').trim().replaceAll(/\s+/g, ' ');
}
