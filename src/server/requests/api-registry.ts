import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

let plain: FileRegistry | undefined;
let documented: FileRegistry | undefined;

/** All messages and services of the API and of its imports, without the comments of the protos. */
export function apiRegistry(): FileRegistry {
  plain ??= readRegistry('plain');
  return plain;
}

/** The same with the comments, which take three times the memory: for the docs and for reflection, on first use. */
export function documentedRegistry(): FileRegistry {
  documented ??= readRegistry('documented');
  return documented;
}

/** From the image that `npm run generate` writes. The sources are one folder higher than the build. */
function readRegistry(form: 'plain' | 'documented'): FileRegistry {
  const root = import.meta.filename.endsWith('.ts') ? '../../../' : '../../../../';
  const image = readFileSync(new URL(`${root}proto/image.binpb`, import.meta.url));
  const files = fromBinary(FileDescriptorSetSchema, image);
  if (form === 'plain') for (const file of files.file) delete file.sourceCodeInfo;
  return createFileRegistry(files);
}
