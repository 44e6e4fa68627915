import { isFullDisk } from '../../core/errors/full-disk.js';
import type { Exporter, ExportSummary, ExportSupport, PrunedModel } from '../../core/ports/exporter.js';
import { callPlugin, type CallLimit } from './guarded-call.js';
import { contextsOf, type PluginHost } from '../context/plugin-context.js';
import { nameType, pluginInvalid, toPluginError } from '../../core/ports/plugin-errors.js';

/** An exporter whose answers are checked: what will load an output, and what was written. */
export function guardExporter(exporter: Exporter, limit: CallLimit, host?: PluginHost): Exporter {
  const { id } = exporter;
  const makeContext = contextsOf(exporter, host);
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
      const faults = new WeakSet<object>();
      let summary: unknown;
      try {
        const noted = noteFaults(model, faults);
        summary = await callPlugin(call, limit, () => exporter.write(noted, directory, makeContext(work), options));
      } catch (error) {
        // An unreadable model and a full or read-only disk are no faults of the plug-in: the caller hears of them as they are.
        const isOwn = error instanceof Error && faults.has(error);
        if (work.signal.aborted || isOwn || isOfOutput(error, directory)) throw error;
        throw toPluginError(error, call);
      }
      if (isSummary(summary)) return summary;
      throw pluginInvalid(call, `gave ${nameType(summary)} in place of {files, bytes}: what it wrote`);
    },
  };
}

/** The same model; errors of reading it, which are not the exporter's, are noted as they are thrown. */
function noteFaults(model: PrunedModel, faults: WeakSet<object>): PrunedModel {
  const note = async <Value>(reading: Promise<Value>): Promise<Value> => {
    try {
      return await reading;
    } catch (error) {
      if (error instanceof Error) faults.add(error);
      throw error;
    }
  };
  return {
    ...model,
    readSource: (file) => note(model.readSource(file)),
    listCompanions: () => note(model.listCompanions()),
    tensors: model.tensors.map((tensor) => ({ ...tensor, read: () => note(tensor.read()) })),
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

function isOfOutput(error: unknown, directory: string): boolean {
  if (!(error instanceof Error) || !('syscall' in error)) return false;
  const { path } = error as NodeJS.ErrnoException;
  return isFullDisk(error) || path?.startsWith(directory) === true;
}
