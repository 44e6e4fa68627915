import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EncodingBatch, PairTable } from '../../core/pairs.js';
import { pluginFailed } from '../../core/ports/plugin-errors.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { FittedPredictor, Prediction, Predictor } from '../../core/ports/predictor.js';
import { addressPlugin } from '../../engine/workers/address-plugin.js';
import { startCallThread, type CallThread } from '../../engine/workers/call-thread.js';
import type { PredictorCalls } from './serve-predictor.js';
import { orAborted } from '../../core/or-aborted.js';
import { startPredictorWorker } from './start-predictor-worker.js';

/** A predictor plug-in for a fit, in plain values: the plug-in itself is loaded where it runs. */
export interface PredictorModule extends Pick<Predictor, 'runsIn' | 'pairs' | 'learns' | 'quick'> {
  readonly address: PluginAddress & { readonly kind: 'predictor' };
  /** Complete. */
  readonly options: unknown;
  /** The content of the files that its options name; for fits only. */
  readonly files?: Readonly<Record<string, Uint8Array>> | undefined;
}

export function describeModule(
  plugin: Predictor,
  { moduleUrl, ...asked }: { readonly moduleUrl: URL } & Pick<PredictorModule, 'options' | 'files'>,
): PredictorModule {
  const { runsIn, pairs, learns, quick } = plugin;
  return {
    address: addressPlugin(plugin, moduleUrl),
    runsIn,
    pairs,
    ...(learns !== undefined && { learns }),
    ...(quick !== undefined && { quick }),
    ...asked,
  };
}

/** A fitted predictor in a thread or process of its own. If a call fails or hangs, only that call is lost. */
export interface HostedPredictor extends FittedPredictor {
  /** @param signal ends the wait for an answer; a worker that does not stop soon after is ended and replaced */
  predict(batch: EncodingBatch, signal?: AbortSignal): Promise<Prediction>;
  /** Ends its thread or process; open and later calls are rejected with CANCELLED. */
  close(): Promise<void>;
}

/**
 * Fits a predictor in a thread or process of its own, which then answers `predict` until `close`. The pairs must
 * have been checked (`checkPairs`).
 *
 * @param signal ends the fit or, later, the predictor; the caller gets its reason
 * @throws PrunecastError PLUGIN_FAILED, PLUGIN_INVALID, what the plug-in itself throws, or the signal's reason
 */
export function fitHosted(
  module: PredictorModule,
  pairs: PairTable,
  seed: number,
  signal?: AbortSignal,
): Promise<HostedPredictor> {
  const { options, files } = module;
  return host(module, signal, (thread, work) => thread.call('fit', { pairs, options, seed, files }, work));
}

/** Loads a fitted predictor from what its `save` returned; its predictions are bit-equal. Throws as `fitHosted`. */
export function loadHosted(module: PredictorModule, bytes: Uint8Array, signal?: AbortSignal): Promise<HostedPredictor> {
  return host(module, signal, async (thread, work) => {
    await thread.call('load', bytes, work);
    return bytes;
  });
}

/** @param obtain fits or loads; returns the saved predictor */
async function host(
  { address, runsIn }: PredictorModule,
  signal: AbortSignal | undefined,
  obtain: (thread: CallThread<PredictorCalls>, work: { readonly signal: AbortSignal }) => Promise<Uint8Array>,
): Promise<HostedPredictor> {
  signal?.throwIfAborted();
  let saved: Uint8Array | undefined;
  const thread = startCallThread<PredictorCalls>({
    begin: () => startPredictorWorker(runsIn, { address, saved }),
    failed: (cause, { name }) =>
      pluginFailed({ ...address, method: name }, cause ?? 'its thread or process ended by itself'),
    closed: () => closed(address),
    // Some libraries are broken for good after a failure, such as the WebAssembly build of ml-xgboost.
    afterError: 'replaced',
  });
  const life = new AbortController();
  const close = (reason: unknown): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    life.abort(reason);
    return thread.close();
  };
  const onAbort = (): void => void close(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    saved = await obtain(thread, { signal: life.signal });
  } catch (error) {
    await close(error);
    throw error;
  }
  const model = saved;
  return {
    save: () => model,
    predict: ({ rates, columns }, asked) =>
      orAborted(thread.call('predict', { rates, columns }, { signal: asked ?? life.signal }), life.signal),
    close: () => close(closed(address)),
  };
}

function closed({ id }: PluginAddress): PrunecastError {
  return new PrunecastError('CANCELLED', `the predictor ${id} was closed`);
}
