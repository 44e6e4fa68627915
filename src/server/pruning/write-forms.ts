import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Reason } from '../../core/errors/reasons.js';
import type { ExportSummary, PrunedModel } from '../../core/ports/exporter.js';
import { MANIFEST_FILE, type SealFolder } from '../../core/ports/outputs.js';
import { writeFileSynced } from '../../engine/checkpoint/write-safetensors.js';
import type { WrittenExport } from '../../gen/prunecast/v1/common.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import { exportInThread } from './export-in-thread.js';
import { spoolTensors } from './spool-tensors.js';
import { describeForms, type WrittenForm } from './written-form.js';

/**
 * Writes forms of one model to a folder each, every one an output of its own, and beside them a manifest of what they
 * have in common.
 *
 * @param computed the names of tensors that are computed, which happens once for all forms
 */
export async function writeForms(
  forms: readonly WrittenForm[],
  { pruned, computed }: { readonly pruned: PrunedModel; readonly computed: ReadonlySet<string> },
  place: { readonly output: string; readonly directory: string; readonly seal: SealFolder },
  context: Pick<JobContext, 'signal' | 'progress'>,
): Promise<{ readonly summary: ExportSummary; readonly exports: readonly WrittenExport[] }> {
  const { output, directory, seal } = place;
  const spooled = await spoolTensors(pruned, forms.length > 1 ? computed : NOTHING, directory);
  const exports: WrittenExport[] = [];
  const digests: Record<string, string> = {};
  try {
    for (const { planned, manifest, costs, loadsIn } of forms) {
      const { folder } = planned;
      await mkdir(join(directory, folder));
      const written = await exportInThread(
        planned,
        { ...spooled.model, manifest },
        join(directory, folder),
        workContext(context, `writing ${folder}`),
      ).catch((error: unknown) => {
        throw context.signal.aborted ? error : nameForm(error, planned);
      });
      const { files, bytes, digests: sealed = {} } = await seal(folder, written);
      for (const [file, digest] of Object.entries(sealed)) digests[`${folder}/${file}`] = digest;
      exports.push({
        output: `${output}/${folder}`,
        exporter: planned.exporter.id,
        files: [...files],
        bytes: BigInt(bytes),
        costs: [...costs],
        loadsIn: [...loadsIn],
      });
    }
  } finally {
    await spooled.close();
  }
  const manifest = Buffer.from(`${JSON.stringify(describeForms(forms), undefined, 2)}\n`);
  await writeFileSynced(join(directory, MANIFEST_FILE), (file) => file.write(manifest));
  return {
    summary: {
      files: [
        ...exports.flatMap(({ files }, index) => files.map((file) => `${forms[index]?.planned.folder}/${file}`)),
        MANIFEST_FILE,
      ],
      bytes: exports.reduce((sum, { bytes }) => sum + Number(bytes), manifest.length),
      digests,
    },
    exports,
  };
}

/** Reasons of an error that belongs to one form. */
const OF_ONE_FORM: ReadonlySet<Reason> = new Set([
  'EXPORT_UNSUPPORTED',
  'VALUES_OUT_OF_RANGE',
  'PLUGIN_FAILED',
  'PLUGIN_INVALID',
]);

/** An error of an exporter that says which of several forms it belongs to, and that the others are not there either. */
function nameForm(error: unknown, { field }: WrittenForm['planned']): unknown {
  if (!(error instanceof PrunecastError) || !OF_ONE_FORM.has(error.reason)) return error;
  const { reason, message, metadata, violations } = error;
  return new PrunecastError(reason, `${field}: ${message}; no form of the output is written`, {
    metadata,
    violations,
    cause: error,
  });
}

const NOTHING: ReadonlySet<string> = new Set();
