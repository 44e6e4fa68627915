import { parentPort, workerData } from 'node:worker_threads';
import type { Compensation } from '../../core/ports/compensation.js';
import type { Criterion } from '../../core/ports/criterion.js';
import type { WorkControl } from '../../core/ports/progress.js';
import { createCheckpointFiles } from '../checkpoint/checkpoint-files.js';
import { createTensorReader } from '../checkpoint/tensor-reader.js';
import { createModelRuntime } from '../forward/model-runtime.js';
import type { WeightSource } from '../forward/layer-weights.js';
import type { WeightRecipe } from '../forward/recipe-weights.js';
import { passGate } from './exit-gate.js';
import { encodeError } from './message-errors.js';
import type { ModelThreadData, RecipeMessage, ThreadAnswer, ThreadRequest } from './model-messages.js';

/*
 * The thread behind `LanguageModel`: ONNX Runtime's binding blocks the thread that calls it, and sorting a layer takes
 * its time too. Calls run one after the other; a cancel is seen between two runs of a graph.
 */

const { place, records, config, tensors, options, gate } = workerData as ModelThreadData;
const port = parentPort;
if (port === null) throw new Error('model-worker runs in a worker thread only');

const files = createCheckpointFiles(place, records);
const source: WeightSource = { config, ...createTensorReader(files, new Map(tensors.map((entry) => [entry.name, entry]))) };
const runtime = createModelRuntime(source, { ...options, guard: (run) => passGate(gate, run) });
const cancels = new Map<number, AbortController>();
let last: Promise<unknown> = Promise.resolve();

port.on('message', (request: ThreadRequest) => {
  if (request.kind === 'cancel') {
    cancels.get(request.id)?.abort();
    return;
  }
  const controller = new AbortController();
  cancels.set(request.id, controller);
  last = last.then(() => serve(request, controller.signal)).then(() => cancels.delete(request.id));
});

type CallRequest = Extract<ThreadRequest, { kind: 'call' }>;

async function serve(request: CallRequest, signal: AbortSignal): Promise<void> {
  const { id } = request;
  try {
    signal.throwIfAborted();
    runtime.allow(request.budgetBytes);
    const result = await run(request, { signal, report: throttle(id) });
    answer({ kind: 'result', id, result, heldBytes: runtime.heldBytes() });
  } catch (error) {
    answer({ kind: 'error', id, error: encodeError(error), heldBytes: runtime.heldBytes() });
  }
  if (request.name === 'close') port?.close();
}

async function run(request: CallRequest, control: WorkControl): Promise<unknown> {
  switch (request.name) {
    case 'losses': {
      const { recipe, architectures, windows, precision } = request.argument;
      for await (const item of runtime.losses(await loadRecipe(recipe), architectures, windows, control, precision)) answer({ kind: 'item', id: request.id, item });
      return undefined;
    }
    case 'calibrate':
      return runtime.calibrate(request.argument.sequences, request.argument.needs, control);
    case 'scoreUnits': {
      const { criterion, seed, calibration } = request.argument;
      const plugin = await loadPlugin<Criterion>(criterion.moduleUrl);
      return runtime.scoreUnits({ plugin, options: criterion.options, seed }, calibration, control);
    }
    case 'logits': {
      const { recipe, architecture, tokens } = request.argument;
      return runtime.logits(await loadRecipe(recipe), architecture, tokens, control);
    }
    case 'mend':
      return runtime.mend(await loadRecipe(request.argument.recipe), request.argument.request, control);
    case 'calibrationErrors':
      return runtime.calibrationErrors(await loadRecipe(request.argument.recipe), control);
    case 'timeShapes':
      return runtime.timeShapes(request.argument.length, control);
    case 'timeArchitecture': {
      const { recipe, architecture, length } = request.argument;
      return runtime.timeArchitecture(await loadRecipe(recipe), architecture, length, control);
    }
    case 'readLayer':
      return runtime.readLayer(request.argument.layer);
    case 'close':
      await runtime.close();
      await files.close();
      return undefined;
  }
}

async function loadRecipe({ compensation, ...recipe }: RecipeMessage): Promise<WeightRecipe> {
  if (compensation === undefined) return recipe;
  const { moduleUrl, ...rest } = compensation;
  return { ...recipe, compensation: { ...rest, plugin: await loadPlugin<Compensation>(moduleUrl) } };
}

/** The URL comes from the server's own list of plug-ins, never from a request. */
async function loadPlugin<Plugin>(moduleUrl: string): Promise<Plugin> {
  return ((await import(moduleUrl)) as { readonly default: Plugin }).default;
}

function throttle(id: number): NonNullable<WorkControl['report']> {
  let sent = 0;
  return (progress) => {
    if (performance.now() - sent < PROGRESS_INTERVAL_MS && progress.done < progress.total) return;
    sent = performance.now();
    answer({ kind: 'progress', id, progress });
  };
}

function answer(message: ThreadAnswer): void {
  port?.postMessage(message);
}

const PROGRESS_INTERVAL_MS = 50;
