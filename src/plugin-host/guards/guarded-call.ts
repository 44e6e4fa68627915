import { Script } from 'node:vm';
import { pluginFailed, toPluginError, type PluginCall } from '../../core/ports/plugin-errors.js';

/** How long a synchronous call may take; undefined for no limit, in a thread that can be ended. */
export type CallLimit = { readonly limitMs: number | undefined };

/**
 * Calls a plug-in's synchronous method.
 *
 * @throws PrunecastError PLUGIN_FAILED that names the plug-in and the method, if it throws or exceeds the limit
 */
export function callPlugin<Result>(call: PluginCall, { limitMs }: CallLimit, work: () => Result): Result {
  try {
    return limitMs === undefined ? work() : workWithin(limitMs, work);
  } catch (error) {
    throw isTimeout(error)
      ? pluginFailed(call, `it did not come back within ${limitMs} ms`)
      : toPluginError(error, call);
  }
}

/**
 * The same for a method that may answer later. The limit is that of its synchronous part, up to its first `await`. If it
 * fails after a cancel, the reason of the cancel is thrown.
 */
export async function awaitPlugin<Result>(
  call: PluginCall,
  limit: CallLimit,
  work: () => Result | Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const pending = callPlugin(call, limit, work);
  try {
    return await pending;
  } catch (error) {
    signal?.throwIfAborted();
    throw toPluginError(error, call);
  }
}

const SLOT = Symbol.for('prunecast.limitedCall');
const script = new Script('globalThis[Symbol.for("prunecast.limitedCall")]()');

/**
 * Node can interrupt a script and all functions that it called: the only way to stop an endless loop in this thread.
 */
function workWithin<Result>(limitMs: number, work: () => Result): Result {
  const slots = globalThis as { [SLOT]?: () => unknown };
  const outer = slots[SLOT];
  slots[SLOT] = work;
  try {
    return script.runInThisContext({ timeout: limitMs, displayErrors: false }) as Result;
  } finally {
    if (outer === undefined) delete slots[SLOT];
    else slots[SLOT] = outer;
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
