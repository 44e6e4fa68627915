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
import { Architecture, KeptUnits } from '../gen/prunecast/v1/common.js';
import { packUnits } from '../client/index.js';
import { PACKAGE_ROOT } from './package-root.js';

/**
 * Proto JSON by the descriptors of the protos themselves: ts-proto's own `fromJSON` knows camelCase only, and passes over
 * fields that do not exist.
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
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

/** An architecture given as proto JSON, or as its list of layers alone. */
export function toArchitecture(value: unknown): Architecture {
  return Architecture.decode(
    fromProtoJson('prunecast.v1.Architecture', Array.isArray(value) ? { layers: value } : value),
  );
}

/** Kept units given as proto JSON, or as their list of layers alone; each kind a list of units, or a bitmap in base64. */
export function toKeptUnits(value: unknown): KeptUnits {
  const { layers, ...others } = (Array.isArray(value) ? { layers: value } : value) as { readonly layers?: unknown };
  return KeptUnits.decode(
    fromProtoJson('prunecast.v1.KeptUnits', {
      ...others,
      ...(layers === undefined ? {} : { layers: Array.isArray(layers) ? layers.map(packLists) : layers }),
    }),
  );
}

/** A layer with each list of units in it as a bitmap. Throws InvalidArgumentError for one that is no list of distinct units. */
function packLists(layer: unknown): unknown {
  if (typeof layer !== 'object' || layer === null) return layer;
  return Object.fromEntries(
    Object.entries(layer).map(([name, units]: [string, unknown]) => [
      name,
      Array.isArray(units) ? packList(name, units) : units,
    ]),
  );
}

function packList(name: string, units: readonly unknown[]): string {
  const numbers = units.map(Number);
  try {
    return Buffer.from(packUnits(numbers, 1 + Math.max(-1, ...numbers))).toString('base64');
  } catch (error) {
    throw new InvalidArgumentError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
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
  throw new InvalidArgumentError(
    `there is no method ${name}; there are:\n${methods.map(({ parent, name: method }) => `  ${parent.name}.${method}`).join('\n')}`,
  );
}

function requireMessage(typeName: string) {
  const schema = protoRegistry().getMessage(typeName);
  if (schema === undefined) throw new Error(`proto/image.binpb has no ${typeName}: run \`npm run generate\``);
  return schema;
}
