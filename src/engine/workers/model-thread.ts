import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { pluginFailed, type PluginCall } from '../../core/ports/plugin-errors.js';
import type { PluginKind } from '../../core/ports/plugin.js';
import { startCallThread, type CallThread } from './call-thread.js';
import { startGatedWorker } from './gated-worker.js';
import type { ModelCalls, ModelThreadData, PluginMessage } from './model-messages.js';
import { workerUrl } from './worker-url.js';

/**
 * A model's thread, as the main thread sees it. A thread that replaces another computes again what the other had in
 * memory.
 */
export type ModelThread = CallThread<ModelCalls>;

/** Bytes that a thread itself takes: its JavaScript, and ONNX Runtime's sessions. */
const THREAD_BYTES = 16 * 2 ** 20;

/** @param quiet is called when the thread has answered all calls, or has ended */
export function startModelThread(threadData: Omit<ModelThreadData, 'gate'>, quiet?: () => void): ModelThread {
  return startCallThread<ModelCalls>({
    workerBytes: THREAD_BYTES,
    ...(quiet === undefined ? {} : { quiet }),
    begin: () => startGatedWorker(workerUrl(new URL('./model-worker.js', import.meta.url)), threadData),
    failed: (cause, call) => {
      const plugin = findPlugin(call.argument);
      const words = "the model's thread ended while it worked on this call; the next call gets a new one";
      return plugin === undefined
        ? new PrunecastError('INTERNAL', words, { cause })
        : pluginFailed(plugin, cause === undefined ? words : `${words} (${cause.message})`);
    },
    closed: () => new PrunecastError('SERVER_STOPPING', 'the model was closed'),
  });
}

/** The plug-in that a call runs beside the engine's own code; the engine's code does not end threads. */
function findPlugin(argument: ModelCalls[keyof ModelCalls]['argument']): PluginCall | undefined {
  if ('criterion' in argument)
    return { ...pick(argument.criterion), method: 'model' in argument ? 'scoreModel' : 'score' };
  if ('recipe' in argument && argument.recipe.compensation !== undefined)
    return { ...pick(argument.recipe.compensation), method: 'prepare' };
  return undefined;
}

function pick({ address: { kind, id } }: PluginMessage<PluginKind>): Pick<PluginCall, 'kind' | 'id'> {
  return { kind, id };
}
