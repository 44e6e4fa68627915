import { parentPort, workerData } from 'node:worker_threads';
import { loadPlugin } from '../../plugin-host/import-plugins.js';
import { createTensorReader } from '../checkpoint/tensor-reader.js';
import { createCheckpointFiles } from '../files/checkpoint-files.js';
import { scoreModel } from '../ranking/score-model.js';
import { createModelRuntime } from '../runtime/model-runtime.js';
import type { WeightSource } from '../weights/layer-weights.js';
import type { KeyedRecipe } from '../weights/recipe.js';
import { passGate } from './exit-gate.js';
import type { ModelCalls, ModelThreadData, RecipeMessage } from './model-messages.js';
import { openThreadChannel, serveCalls } from './serve-calls.js';

/*
 * The thread behind `LanguageModel`: ONNX Runtime's binding blocks the thread that calls it, and sorting a layer takes
 * time too. Calls run one after the other; a cancel takes effect between two runs of a graph.
 */

const { place, records, config, options, gate, ...data } = workerData as ModelThreadData;

const files = createCheckpointFiles(place, records);
const tensors = new Map(data.tensors.map((entry) => [entry.name, entry]));
const source: WeightSource = { config, tensors, ...createTensorReader(files, tensors) };
const runtime = createModelRuntime(source, { ...options, guard: (run) => passGate(gate, run) });

serveCalls<ModelCalls>(
  openThreadChannel(),
  {
    observe: async ({ recipe, architectures, request, batches, threads }, { work, send }) => {
      if (threads !== undefined) runtime.useThreads(threads);
      for await (const item of runtime.observe(await loadRecipe(recipe), architectures, { request, batches }, work))
        send(item);
      return undefined;
    },
    calibrate: ({ sequences, needs, threads }, { work }) => {
      if (threads !== undefined) runtime.useThreads(threads);
      return runtime.calibrate(sequences, needs, work);
    },
    scoreUnits: async ({ criterion, seed, calibration }, { work }) => {
      const plugin = await loadPlugin(criterion.address);
      if (plugin.scoreModel !== undefined) throw new RangeError(`criterion "${plugin.id}" scores the whole model`);
      return runtime.scoreUnits({ plugin, options: criterion.options, seed }, calibration, work);
    },
    scoreModel: async ({ criterion, model }, { work }) => {
      const plugin = await loadPlugin(criterion.address);
      if (plugin.scoreModel === undefined) throw new RangeError(`criterion "${plugin.id}" scores layer by layer`);
      return scoreModel(plugin, criterion.options, model, work);
    },
    logits: async ({ recipe, architecture, tokens }, { work }) =>
      runtime.logits(await loadRecipe(recipe), architecture, tokens, work),
    blockMap: async ({ recipe, request }, { work }) => runtime.blockMap(await loadRecipe(recipe), request, work),
    recover: async ({ recipe, ...request }, { work }) =>
      runtime.recover({ recipe: await loadRecipe(recipe), ...request }, work),
    calibrationErrors: async ({ recipe }, { work }) => runtime.calibrationErrors(await loadRecipe(recipe), work),
    measureFactorisation: () => runtime.measureFactorisation(),
    timeShapes: ({ length }, { work }) => runtime.timeShapes(length, work),
    timeArchitecture: async ({ recipe, architecture, length }, { work }) =>
      runtime.timeArchitecture(await loadRecipe(recipe), architecture, length, work),
    readLayer: ({ layer }) => runtime.readLayer(layer),
  },
  {
    allow: (budgetBytes) => {
      runtime.allow(budgetBytes);
      runtime.useThreads(options.threads);
    },
    heldBytes: () => runtime.heldBytes(),
    close: async () => {
      await runtime.close();
      await files.close();
      parentPort?.close();
    },
  },
);

async function loadRecipe({ compensation, ...recipe }: RecipeMessage): Promise<KeyedRecipe> {
  if (compensation === undefined) return recipe;
  const { address, ...rest } = compensation;
  return { ...recipe, compensation: { ...rest, plugin: await loadPlugin(address) } };
}
