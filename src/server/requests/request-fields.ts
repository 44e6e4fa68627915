import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { documentedRegistry } from './api-registry.js';

/**
 * The fields of all messages that a request of any method can hold. The fields of a Struct are left out: the field that
 * holds it has the bounds.
 */
export function listRequestFields(): DescField[] {
  const seen = new Set<DescMessage>();
  const collect = (message: DescMessage): void => {
    if (seen.has(message) || message.file.name === 'google/protobuf/struct') return;
    seen.add(message);
    for (const field of message.fields) if (field.message !== undefined) collect(field.message);
  };
  for (const type of documentedRegistry())
    if (type.kind === 'service') for (const { input } of type.methods) collect(input);
  return [...seen].flatMap(({ fields }) => fields);
}

/**
 * Whether a field needs a bound because it can be long, deep or out of range: a list or map, a Struct, a text, bytes or
 * a number.
 */
export function needsBound({ fieldKind, message, scalar }: DescField): boolean {
  if (fieldKind === 'list' || fieldKind === 'map' || message?.typeName === 'google.protobuf.Struct') return true;
  return scalar !== undefined && scalar !== ScalarType.BOOL;
}

/** `prunecast.v1.PruneRequest.output` */
export function fullName({ parent, name }: DescField): string {
  return `${parent.typeName}.${name}`;
}

/** The comment above a field in its proto, one line after the other. */
export function commentOf({ parent, proto }: DescField): string {
  const path = [4, parent.file.messages.indexOf(parent), 2, parent.proto.field.indexOf(proto)];
  const place = parent.file.proto.sourceCodeInfo?.location.find((location) => location.path.join() === path.join());
  return place?.leadingComments.trim() ?? '';
}
