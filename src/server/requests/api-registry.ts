import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

let loaded: FileRegistry | undefined;

/**
 * All messages and services of the API and of its imports, from the image that `npm run generate` writes. The sources
 * are one folder higher than the build.
 */
export function apiRegistry(): FileRegistry {
  const root = import.meta.filename.endsWith('.ts') ? '../../../' : '../../../../';
  loaded ??= createFileRegistry(
    fromBinary(FileDescriptorSetSchema, readFileSync(new URL(`${root}proto/image.binpb`, import.meta.url))),
  );
  return loaded;
}
