import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EncodingBatch, PairTable } from '../../core/pairs.js';
import { pluginFailed } from '../../core/ports/plugin-errors.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { FittedPredictor, Prediction, Predictor } from '../../core/ports/predictor.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { addressPlugin } from '../../engine/workers/address-plugin.js';
import { startCallThread, type CallThread } from '../../engine/workers/call-thread.js';
import type { PredictorAddress, PredictorCalls } from './serve-predictor.js';
import { orAborted } from '../../core/or-aborted.js';
import { startPredictorWorker } from './start-predictor-worker.js';

/** A thread or process in which predictors are fitted and asked, one after the other. */
export interface PredictorWorker {
  /** Of the plug-in whose predictor it holds; another's once it is lent for that. */
  address: PredictorAddress;
  readonly runsIn: PredictorModule['runsIn'];
  readonly thread: CallThread<PredictorCalls>;
  /** The saved predictor that it holds, for a worker that replaces it; undefined before a fit. */
  saved: Uint8Array | undefined;
  /** How many predictors it has been lent to before. */
  served: number;
}

/** Where predictors get their workers from. */
export interface PredictorWorkers {
  take(module: PredictorModule): Promise<PredictorWorker>;
  /** Takes back a worker that is no longer used. `broken` if a fit failed in it. */
  give(worker: PredictorWorker, state: 'sound' | 'broken'): Promise<void>;
}

/** Each predictor in a worker of its own, which ends with it. */
const OWN_WORKERS: PredictorWorkers = {
  take: (module) => Promise.resolve(createPredictorWorker(module)),
  give: ({ thread }) => thread.close(),
};

/** A worker that starts with its first call. */
export function createPredictorWorker({ address, runsIn }: PredictorModule): PredictorWorker {
  const worker: PredictorWorker = {
    address,
    runsIn,
    saved: undefined,
    served: 0,
    thread: startCallThread<PredictorCalls>({
      begin: () => startPredictorWorker(runsIn, { address: worker.address, saved: worker.saved }),
      failed: (cause, { name }) =>
        pluginFailed({ ...worker.address, method: name }, cause ?? 'its thread or process ended by itself'),
      closed: () => closed(worker.address),
      // Some libraries are broken for good after a failure, such as the WebAssembly build of ml-xgboost.
      afterError: 'replaced',
    }),
  };
  return worker;
}

/** A predictor plug-in for a fit, in plain values: the plug-in itself is loaded where it runs. */
export interface PredictorModule extends Pick<Predictor, 'runsIn' | 'pairs' | 'learns' | 'quick'> {
  readonly address: PredictorAddress;
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

/** A fitted predictor in a thread or process. If a call fails or hangs, only that call is lost. */
export interface HostedPredictor extends FittedPredictor {
  /** @param work its signal ends the wait for an answer; a worker that does not stop soon after is ended and replaced */
  predict(batch: EncodingBatch, work?: WorkContext): Promise<Prediction>;
  /** Gives its thread or process back; open and later calls are rejected with CANCELLED. */
  close(): Promise<void>;
}

export interface HostingOptions {
  /** Ends the fit or, later, the predictor; the caller gets its reason. */
  readonly signal?: AbortSignal | undefined;
  /** @default a worker of its own, which ends with the predictor */
  readonly workers?: PredictorWorkers;
}

/**
 * Fits a predictor in a thread or process, which then answers `predict` until `close`. The pairs must have been checked
 * (`checkPairs`).
 *
 * @throws PrunecastError PLUGIN_FAILED, PLUGIN_INVALID, what the plug-in itself throws, or the signal's reason
 */
export function fitHosted(
  module: PredictorModule,
  pairs: PairTable,
  seed: number,
  options: HostingOptions = {},
): Promise<HostedPredictor> {
  return host(module, options, (thread, work) =>
    thread.call('fit', { address: module.address, pairs, options: module.options, seed, files: module.files }, work),
  );
}

/** Loads a fitted predictor from what its `save` returned; its predictions are bit-equal. Throws as `fitHosted`. */
export function loadHosted(
  module: PredictorModule,
  bytes: Uint8Array,
  options: HostingOptions = {},
): Promise<HostedPredictor> {
  return host(module, options, async (thread, work) => {
    await thread.call('load', { address: module.address, bytes }, work);
    return bytes;
  });
}

/** Fits or loads; returns the saved predictor. */
type Obtain = (thread: CallThread<PredictorCalls>, work: { readonly signal: AbortSignal }) => Promise<Uint8Array>;

async function host(
  module: PredictorModule,
  { signal, workers = OWN_WORKERS }: HostingOptions,
  obtain: Obtain,
): Promise<HostedPredictor> {
  for (;;) {
    signal?.throwIfAborted();
    const worker = await workers.take(module);
    try {
      return await hold(worker, workers, signal, obtain);
    } catch (error) {
      // What earlier predictors left in the worker may be at fault, such as a full heap: only a fresh one tells.
      if (worker.served === 0) throw error;
    }
  }
}

async function hold(
  worker: PredictorWorker,
  workers: PredictorWorkers,
  signal: AbortSignal | undefined,
  obtain: Obtain,
): Promise<HostedPredictor> {
  const { address, thread } = worker;
  const life = new AbortController();
  let given: Promise<void> | undefined;
  const end = (reason: unknown, state: 'sound' | 'broken'): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    life.abort(reason);
    given ??= workers.give(worker, state);
    return given;
  };
  const onAbort = (): void => void end(signal?.reason, 'sound');
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted(); // it may have fired while a worker was awaited
    worker.saved = await obtain(thread, { signal: life.signal });
  } catch (error) {
    await end(error, 'broken');
    throw error;
  }
  const model = worker.saved;
  return {
    save: () => model,
    predict: async ({ rates, columns }, work = { signal: life.signal }) => {
      life.signal.throwIfAborted(); // the worker may hold another predictor by now
      return orAborted(thread.call('predict', { rates, columns }, work), life.signal);
    },
    close: () => end(closed(address), 'sound'),
  };
}

function closed({ id }: PluginAddress): PrunecastError {
  return new PrunecastError('CANCELLED', `the predictor ${id} was closed`);
}
