import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMethod,
  type FileRegistry,
  type JsonValue,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { InvalidArgumentError } from 'commander';
import { didYouMean } from '../../core/errors/nearest.js';
import { PACKAGE_ROOT } from './package-root.js';

/**
 * Proto JSON by the descriptors of the protos themselves: ts-proto's own `fromJSON` knows camelCase only, and passes
 * over fields that do not exist.
 */

let loaded: FileRegistry | undefined;

/** All messages and services of the API. */
export function protoRegistry(): FileRegistry {
  loaded ??= createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(new URL('proto/image.binpb', PACKAGE_ROOT))),
  );
  return loaded;
}

/** A message as proto JSON, from its bytes: `toProtoJson('prunecast.v1.Job', Job.encode(job).finish())`. */
export function toProtoJson(typeName: string, bytes: Uint8Array): JsonValue {
  const registry = protoRegistry();
  const schema = requireMessage(typeName);
  return toJson(schema, fromBinary(schema, bytes), { registry });
}

/**
 * The bytes of a message that is given as proto JSON, its fields in camelCase or snake_case.
 *
 * @throws InvalidArgumentError for an unknown field or a wrong value, with its name
 */
export function fromProtoJson(typeName: string, value: unknown): Uint8Array {
  const schema = requireMessage(typeName);
  try {
    return toBinary(schema, fromJson(schema, value as JsonValue, { registry: protoRegistry() }));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError(`${message}${suggestField(message)}`);
  }
}

/**
 * A method by name: `CatalogService.ListPlugins`, `prunecast.v1.CatalogService/ListPlugins`.
 *
 * @throws InvalidArgumentError with the methods there are
 */
export function findMethod(name: string): DescMethod {
  const methods = [...protoRegistry()].flatMap((type) => (type.kind === 'service' ? type.methods : []));
  const wanted = name.replace('/', '.').toLowerCase();
  const found = methods.find(({ parent, name: method }) =>
    [`${parent.typeName}.${method}`, `${parent.name}.${method}`].some((known) => known.toLowerCase() === wanted),
  );
  if (found !== undefined) return found;
  const names = methods.map(({ parent, name: method }) => `${parent.name}.${method}`);
  throw new InvalidArgumentError(
    `there is no method ${name}${didYouMean(name, names) || '.'} There are:\n${names.map((known) => `  ${known}`).join('\n')}`,
  );
}

/** The nearest field for an unknown one, which the library names together with its message. */
function suggestField(message: string): string {
  const [, typeName = '', key = ''] = /message ([\w.]+) from JSON: key "([^"]*)" is unknown$/.exec(message) ?? [];
  return didYouMean(
    key,
    protoRegistry()
      .getMessage(typeName)
      ?.fields.map(({ name }) => name) ?? [],
  );
}

function requireMessage(typeName: string) {
  const schema = protoRegistry().getMessage(typeName);
  if (schema === undefined) throw new Error(`proto/image.binpb has no ${typeName}: run \`npm run generate\``);
  return schema;
}
