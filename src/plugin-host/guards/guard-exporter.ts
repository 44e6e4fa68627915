import type { Exporter, ExportSummary, ExportSupport } from '../../core/ports/exporter.js';
import { callPlugin, type CallLimit } from './guarded-call.js';
import { nameType, pluginInvalid, toPluginError } from '../../core/ports/plugin-errors.js';

/** An exporter whose answers are checked: what will load an output, and what was written. */
export function guardExporter(exporter: Exporter, limit: CallLimit): Exporter {
  const { id } = exporter;
  return {
    ...exporter,
    supports: (shape, architecture, biases, options) => {
      const call = { kind: 'exporter', id, method: 'supports' } as const;
      const support: unknown = callPlugin(call, limit, () => exporter.supports(shape, architecture, biases, options));
      if (isSupport(support)) return support;
      throw pluginInvalid(call, `gave ${nameType(support)} in place of {ok: true, loadsIn} or {ok: false, reason}`);
    },
    write: async (model, directory, work, options) => {
      const call = { kind: 'exporter', id, method: 'write' } as const;
      let summary: unknown;
      try {
        summary = await callPlugin(call, limit, () => exporter.write(model, directory, work, options));
      } catch (error) {
        // A full or read-only disk is no fault of the plug-in: the caller is told about the output.
        if (work.signal.aborted || isOfOutput(error, directory)) throw error;
        throw toPluginError(error, call);
      }
      if (isSummary(summary)) return summary;
      throw pluginInvalid(call, `gave ${nameType(summary)} in place of {files, bytes}: what it wrote`);
    },
  };
}

function isSupport(value: unknown): value is ExportSupport {
  if (typeof value !== 'object' || value === null || !('ok' in value)) return false;
  if (value.ok === false) return 'reason' in value && typeof value.reason === 'string';
  return value.ok === true && 'loadsIn' in value && isTexts(value.loadsIn);
}

function isSummary(value: unknown): value is ExportSummary {
  if (typeof value !== 'object' || value === null || !('files' in value) || !('bytes' in value)) return false;
  return isTexts(value.files) && Number.isSafeInteger(value.bytes);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

const FULL_DISK: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function isOfOutput(error: unknown, directory: string): boolean {
  if (!(error instanceof Error) || !('syscall' in error)) return false;
  const { code, path } = error as NodeJS.ErrnoException;
  return FULL_DISK.has(code) || path?.startsWith(directory) === true;
}
