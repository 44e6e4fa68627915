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

/** The folder of a form of an output that this program reads as a model; undefined if it has none. */
export function findCheckpoint(
  { exports, files = [] }: Pick<PruneResult, 'exports'> & Partial<Pick<PruneResult, 'files'>>,
  folder: string,
): string | undefined {
  if (exports.length === 0) return files.includes(CONFIG) ? folder : undefined;
  const checkpoint = exports.find((written) => written.files.includes(CONFIG));
  return checkpoint && nameExport(checkpoint, folder);
}

/** What tells a checkpoint from other formats. */
const CONFIG = 'config.json';

function nameExport({ output }: WrittenExport, folder: string): string {
  return join(folder, output.split('/').at(-1) ?? '');
}
