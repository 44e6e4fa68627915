import { parentPort, workerData } from 'node:worker_threads';
import { compareWeights } from '../../core/compare-weights.js';
import { identityRanking } from '../../core/model/units.js';
import type { OpenedExport, OpenedTensor } from '../../core/ports/exporter.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { decodeInto } from '../../engine/checkpoint/dtype.js';
import { findFamily } from '../../engine/families/find-family.js';
import { listTensors } from '../../engine/families/list-tensors.js';
import { createModelRuntime } from '../../engine/runtime/model-runtime.js';
import { detectMemoryBudgetBytes, detectThreads } from '../../engine/runtime/resource-limits.js';
import { passGate } from '../../engine/workers/exit-gate.js';
import { openThreadChannel, serveCalls } from '../../engine/workers/serve-calls.js';
import { loadPlugin } from '../../plugin-host/import-plugins.js';
import type { ComparedRows, EngineRun, OpenedCalls, OpenThreadData } from './open-messages.js';

/*
 * The thread of one opened export: its exporter reads and computes in it, so that one that never returns can be ended,
 * and does not block the server's event loop.
 */

const { address, directory, gate } = workerData as OpenThreadData;

/** For all that is done with the export: it ends with the first call that is cancelled. */
const ended = new AbortController();
let current: WorkContext | undefined;
let opening: Promise<OpenedExport> | undefined;

async function open(): Promise<OpenedExport> {
  const exporter = await loadPlugin(address);
  if (exporter.open === undefined) throw new RangeError(`the exporter "${exporter.id}" opens nothing`);
  return exporter.open(directory, { signal: ended.signal, report: (progress) => current?.report?.(progress) });
}

/** @param work of the call that needs it */
function use(work: WorkContext): Promise<OpenedExport> {
  current = work;
  work.signal.addEventListener('abort', () => ended.abort(work.signal.reason), { once: true });
  return (opening ??= open());
}

serveCalls<OpenedCalls>(
  openThreadChannel(),
  {
    open: async (_, { work }) => {
      const { shape, architecture, storage, tensors } = await use(work);
      return {
        shape,
        architecture,
        storage,
        tensors: tensors?.map(({ name, shape: sizes }) => ({ name, shape: sizes })),
      };
    },
    compare: async (compared, { work }) => compare(await use(work), compared),
    logits: async (tokens, { work }) => (await use(work)).logits(tokens),
    engineLogits: async (run, { work }) => computeByEngine(await use(work), run, work),
  },
  {
    close: async () => {
      await (await opening?.catch(() => undefined))?.close();
      parentPort?.close();
    },
  },
);

async function compare(
  opened: OpenedExport,
  { tensor, rows, width, expected, leeway }: ComparedRows,
): ReturnType<() => Promise<ReturnType<typeof compareWeights>>> {
  const wanted = new Float32Array(rows.count * width);
  if (expected !== undefined) decodeInto(wanted, expected.bytes, expected.dtype);
  const stored =
    tensor === undefined
      ? { values: new Float32Array(wanted.length), maxErrors: new Float32Array(wanted.length) }
      : await find(opened, tensor).read(rows);
  return compareWeights(stored, wanted, { width, leeway });
}

function find({ tensors = [] }: OpenedExport, name: string): OpenedTensor {
  const found = tensors.find((tensor) => tensor.name === name);
  if (found === undefined) throw new RangeError(`the export has no tensor ${name}`);
  return found;
}

/** One sequence needs no layer twice: the rest of the memory is for the model that the export is compared with. */
const MEMORY_SHARE = 0.25;

async function computeByEngine(
  opened: OpenedExport,
  { config, names, tokens }: EngineRun,
  work: WorkContext,
): Promise<Float32Array> {
  const { shape } = config;
  const sizes = new Map(listTensors(findFamily(shape.family), shape).map((spec) => [spec.name, spec.shape]));
  const read = async (
    name: string,
    rows?: { readonly first: number; readonly count: number },
  ): Promise<Float32Array> => {
    const stored = names.get(name);
    if (stored !== undefined) return (await find(opened, stored).read(rows)).values;
    const [all = 0, ...rest] = sizes.get(name) ?? [];
    return new Float32Array(rest.reduce((product, size) => product * size, rows?.count ?? all));
  };
  const runtime = createModelRuntime(
    {
      config,
      tensors: new Map(), // of use to a training alone
      readTensor: (name) => read(name),
      readRows: (name, first, count) => read(name, { first, count }),
    },
    {
      threads: detectThreads(),
      memoryBudgetBytes: Math.floor(MEMORY_SHARE * detectMemoryBudgetBytes()),
      guard: (run) => passGate(gate, run),
    },
  );
  try {
    const recipe = { ranking: identityRanking(shape.layers), key: 'as in the export' };
    return await runtime.logits(recipe, shape.layers, tokens, work);
  } finally {
    await runtime.close();
  }
}
