import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** The paths of all methods of the public API, as its protos have them: `/prunecast.v1.JobService/GetJob`. */
export function listApiMethods(): string[] {
  const image = readFileSync(resolve(import.meta.dirname, '../../proto/image.binpb'));
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  return [...registry].flatMap((type) =>
    type.kind === 'service' && type.typeName.startsWith('prunecast.v1.')
      ? type.methods.map(({ name }) => `/${type.typeName}/${name}`)
      : [],
  );
}
