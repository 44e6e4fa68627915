import { join } from 'node:path';
import type { PruneResult, WrittenExport } from '../../client/index.js';
import { formatBytes } from '../../words/format.js';
import type { Line } from './wrap-lines.js';

/** A line for each of several forms of an output. @param folder the output as the user named it */
export function describeExports(exports: readonly WrittenExport[], folder: string): Line[] {
  return exports.map((written) => ({
    verbatim: `${nameExport(written, folder)}: ${formatBytes(written.bytes)}, loads in ${written.loadsIn.join(', ')}`,
  }));
}

/** The folder of a form of an output that this program can measure on a text; undefined if it has none. */
export function findCheckpoint(
  { exports, files = [] }: Pick<PruneResult, 'exports'> & Partial<Pick<PruneResult, 'files'>>,
  folder: string,
): string | undefined {
  if (exports.length === 0) return isCheckpoint(files) ? folder : undefined;
  const checkpoint = exports.find((written) => isCheckpoint(written.files));
  return checkpoint && nameExport(checkpoint, folder);
}

/** Other formats have a config.json and a tokenizer too, but no safetensors. */
function isCheckpoint(files: readonly string[]): boolean {
  return (
    ['config.json', 'tokenizer.json'].every((file) => files.includes(file)) &&
    files.some((file) => file.endsWith('.safetensors'))
  );
}

function nameExport({ output }: WrittenExport, folder: string): string {
  return join(folder, output.split('/').at(-1) ?? '');
}
