import { z } from 'zod';
import { isFullDisk } from '../../core/errors/full-disk.js';
import type {
  Exporter,
  ExportSource,
  ExportSummary,
  ExportSupport,
  OpenedExport,
  OpenedTensor,
  PrunedModel,
} from '../../core/ports/exporter.js';
import type { ModelShape } from '../../core/model/shape.js';
import { DIMENSION_KINDS } from '../../core/space/search-space.js';
import type { ShapeLimits } from '../../core/space/shape-limits.js';
import { awaitPlugin, callPlugin, type CallLimit } from './guarded-call.js';
import { contextsOf, type PluginHost } from '../context/plugin-context.js';
import { nameType, type PluginCall, pluginInvalid, toPluginError } from '../../core/ports/plugin-errors.js';

const SHAPE_LIMITS = z.strictObject({
  uniform: z.boolean().optional(),
  keepsHalves: z.union([z.boolean(), z.array(z.int().min(0))]).optional(),
  multipleOf: z
    .partialRecord(
      z.enum(DIMENSION_KINDS),
      z
        .int()
        .min(1)
        .max(2 ** 20),
    )
    .optional(),
});

/** An exporter whose answers are checked: what will load an output, and what was written. */
export function guardExporter(exporter: Exporter, limit: CallLimit, host?: PluginHost): Exporter {
  const { id } = exporter;
  const makeContext = contextsOf(exporter, host);
  const open = exporter.open?.bind(exporter);
  return {
    ...exporter,
    ...(open === undefined
      ? {}
      : {
          open: async (directory, work) => {
            const call = { kind: 'exporter', id, method: 'open' } as const;
            const opened: unknown = await awaitPlugin(
              call,
              limit,
              () => open(directory, makeContext(work)),
              work.signal,
            );
            if (isOpened(opened)) return guardOpened(opened, id, limit, work.signal);
            throw pluginInvalid(
              call,
              `gave ${nameType(opened)} in place of {shape, architecture, storage, tensors?, logits, close}: what it opened`,
            );
          },
        }),
    supports: (shape, architecture, biases, options) => {
      const call = { kind: 'exporter', id, method: 'supports' } as const;
      const support: unknown = callPlugin(call, limit, () => exporter.supports(shape, architecture, biases, options));
      if (isSupport(support)) return support;
      throw pluginInvalid(call, `gave ${nameType(support)} in place of {ok: true, loadsIn} or {ok: false, reason}`);
    },
    ...(exporter.restrict === undefined
      ? {}
      : {
          restrict: (shape: ModelShape, biases: 'none' | 'added', options: unknown) => {
            const call = { kind: 'exporter', id, method: 'restrict' } as const;
            const limits: unknown = callPlugin(call, limit, () => exporter.restrict?.(shape, biases, options));
            const parsed = SHAPE_LIMITS.safeParse(limits);
            if (parsed.success) return parsed.data as ShapeLimits;
            const [issue] = parsed.error.issues;
            throw pluginInvalid(
              call,
              `gave ${['limits', ...(issue?.path ?? [])].join('.')}: ${issue?.message} (of {uniform, keepsHalves, multipleOf})`,
            );
          },
        }),
    ...(exporter.refuses === undefined
      ? {}
      : {
          refuses: async (source: ExportSource, options: unknown) => {
            const call = { kind: 'exporter', id, method: 'refuses' } as const;
            const reason: unknown = await awaitPlugin(call, limit, () => exporter.refuses?.(source, options));
            if (reason === undefined || (typeof reason === 'string' && reason !== '')) return reason;
            throw pluginInvalid(
              call,
              `gave ${reason === '' ? 'an empty text' : nameType(reason)} in place of undefined or a reason`,
            );
          },
        }),
    ...(exporter.listNotes === undefined
      ? {}
      : {
          listNotes: async (source: ExportSource, options: unknown) => {
            const call = { kind: 'exporter', id, method: 'listNotes' } as const;
            const notes: unknown = await awaitPlugin(call, limit, () => exporter.listNotes?.(source, options));
            if (isTexts(notes)) return notes;
            throw pluginInvalid(call, `gave ${nameType(notes)} in place of a list of sentences`);
          },
        }),
    ...(exporter.listFiles === undefined
      ? {}
      : {
          listFiles: async (model: PrunedModel, options: unknown) => {
            const call = { kind: 'exporter', id, method: 'listFiles' } as const;
            const sizes: unknown = await awaitPlugin(call, limit, () => exporter.listFiles?.(model, options));
            const parsed = FILE_SIZES.safeParse(sizes);
            if (parsed.success) return parsed.data;
            throw pluginInvalid(call, `gave ${nameType(sizes)} in place of {file: bytes}`);
          },
        }),
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
      throw pluginInvalid(call, `gave ${nameType(summary)} in place of {files, bytes, digests?}: what it wrote`);
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
    tensors: model.tensors.map((tensor) => ({ ...tensor, read: (rows, memory) => note(tensor.read(rows, memory)) })),
  };
}

function isSupport(value: unknown): value is ExportSupport {
  if (typeof value !== 'object' || value === null || !('ok' in value)) return false;
  if (value.ok === false) return 'reason' in value && typeof value.reason === 'string';
  if ('layers' in value && !ARCHITECTURE.optional().safeParse(value.layers).success) return false;
  return value.ok === true && 'loadsIn' in value && isTexts(value.loadsIn);
}

function isSummary(value: unknown): value is ExportSummary {
  if (typeof value !== 'object' || value === null || !('files' in value) || !('bytes' in value)) return false;
  const digests: unknown = 'digests' in value ? value.digests : undefined;
  return isTexts(value.files) && Number.isSafeInteger(value.bytes) && DIGESTS.safeParse(digests).success;
}

/** An opened export whose weights and logits are as many as they should be, and numbers. */
function guardOpened(opened: OpenedExport, id: string, limit: CallLimit, signal: AbortSignal): OpenedExport {
  const { shape, architecture, storage, tensors } = opened;
  return {
    shape,
    architecture,
    storage,
    ...(tensors === undefined
      ? {}
      : {
          tensors: tensors.map((tensor) =>
            guardTensor(tensor, { kind: 'exporter', id, method: 'read' }, limit, signal),
          ),
        }),
    logits: async (tokens) => {
      const call = { kind: 'exporter', id, method: 'logits' } as const;
      const logits: unknown = await awaitPlugin(call, limit, () => opened.logits(tokens), signal);
      const count = tokens.length * shape.vocabulary;
      if (!(logits instanceof Float32Array))
        throw pluginInvalid(call, `gave ${nameType(logits)} in place of a Float32Array`);
      if (logits.length !== count)
        throw pluginInvalid(
          call,
          `gave ${logits.length} logits in place of ${count}: one for each token of the vocabulary`,
        );
      const wrong = logits.findIndex((logit) => !Number.isFinite(logit));
      if (wrong >= 0) throw pluginInvalid(call, `gave ${logits[wrong]} as logit ${wrong}`);
      return logits;
    },
    close: () => awaitPlugin({ kind: 'exporter', id, method: 'close' }, limit, () => opened.close()),
  };
}

function guardTensor(tensor: OpenedTensor, call: PluginCall, limit: CallLimit, signal: AbortSignal): OpenedTensor {
  const { name, shape } = tensor;
  return {
    name,
    shape,
    read: async (rows) => {
      const stored: unknown = await awaitPlugin(call, limit, () => tensor.read(rows), signal);
      const [all = 1, ...rest] = shape;
      const count = rest.reduce((product, size) => product * size, rows?.count ?? all);
      const parsed = STORED.safeParse(stored);
      if (!parsed.success)
        throw pluginInvalid(call, `gave ${nameType(stored)} in place of {values, maxErrors}: ${name}`);
      for (const [what, values] of Object.entries(parsed.data)) {
        if (values.length !== count)
          throw pluginInvalid(call, `gave ${values.length} ${what} of ${name} in place of ${count}`);
        const wrong = values.findIndex((value) => !Number.isFinite(value));
        if (wrong >= 0) throw pluginInvalid(call, `gave ${values[wrong]} among the ${what} of ${name}`);
      }
      return parsed.data;
    },
  };
}

const FLOATS = z.custom<Float32Array>((value) => value instanceof Float32Array);

const STORED = z.object({ values: FLOATS, maxErrors: FLOATS });

function isOpened(value: unknown): value is OpenedExport {
  return OPENED.safeParse(value).success;
}

const count = z.int().min(0);

const method = z.custom((value) => typeof value === 'function');

const ARCHITECTURE = z.array(z.object({ kvHeads: count, queryHeadsPerKv: count, ffnChannels: count }));

const OPENED = z.object({
  shape: z.object({ hidden: count, headDim: count, vocabulary: count }),
  architecture: ARCHITECTURE,
  storage: z.object({ type: z.string().min(1), rounding: z.number().min(0).max(1) }),
  tensors: z.array(z.object({ name: z.string().min(1), shape: z.array(count).min(1), read: method })).optional(),
  logits: method,
  close: method,
});

const FILE_SIZES = z.record(z.string().min(1), count);

const DIGESTS = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)).optional();

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function isOfOutput(error: unknown, directory: string): boolean {
  if (!(error instanceof Error) || !('syscall' in error)) return false;
  const { path } = error as NodeJS.ErrnoException;
  return isFullDisk(error) || path?.startsWith(directory) === true;
}
