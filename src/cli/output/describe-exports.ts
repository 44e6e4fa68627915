import { join } from 'node:path';
import { BudgetKind, type PruneResult, type WrittenExport } from '../../client/index.js';
import { formatCost } from '../../words/format-cost.js';
import { formatBytes, formatEnum } from '../../words/format.js';
import type { Line } from './wrap-lines.js';

/** A line for each of several forms of an output. @param folder the output as the user named it */
export function describeExports(exports: readonly WrittenExport[], folder: string): Line[] {
  return exports.map((written) => ({
    verbatim: `${nameExport(written, folder)}: ${formatBytes(written.bytes)}, loads in ${written.loadsIn.join(', ')}`,
  }));
}

/** A line for each cost of an output; where its forms differ in it, for each form. */
export function describeCosts({ costs, exports }: Pick<PruneResult, 'costs' | 'exports'>): string[] {
  return costs.flatMap((cost) => {
    const own = exports.flatMap((written) =>
      written.costs
        .filter(({ kind }) => kind === cost.kind)
        .map(({ value, denseValue }) => ({ of: ` of ${folderOf(written)}`, value, denseValue })),
    );
    const lines = new Set(own.map(({ value }) => value)).size > 1 ? own : [{ of: '', ...cost }];
    return lines.map(
      ({ of, value, denseValue }) =>
        `${formatEnum(BudgetKind, cost.kind)}${of}: ${formatCost(cost.kind, value)} of ${formatCost(cost.kind, denseValue)}`,
    );
  });
}

/** A line for each thing that is special about a model, or missing from outputs of it. */
export function describeNotes({ notes }: Pick<PruneResult, 'notes'>): string[] {
  return notes.map((note) => `note: ${note}`);
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

function nameExport(written: WrittenExport, folder: string): string {
  return join(folder, folderOf(written));
}

function folderOf({ output }: WrittenExport): string {
  return output.split('/').at(-1) ?? '';
}
