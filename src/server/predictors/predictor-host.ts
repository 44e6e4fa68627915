import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countRows, type EncodingBatch, type PairTable } from '../../core/pairs.js';
import type { FittedPredictor, Prediction, Predictor } from '../../core/ports/predictor.js';
import { startCallThread, type CallThread } from '../../engine/workers/call-thread.js';
import { workerUrl } from '../../engine/workers/worker-url.js';
import type { PredictorCalls } from './predictor-messages.js';
import { orAborted } from '../../core/or-aborted.js';
import { startPredictorWorker } from './start-predictor-worker.js';

/** A predictor plug-in with its complete options, and the module whose default export it is. */
export interface PredictorModule {
  readonly plugin: Predictor;
  readonly options: unknown;
  readonly moduleUrl: URL;
  /** What the files that its options name hold; for fits alone. */
  readonly files?: Readonly<Record<string, Uint8Array>> | undefined;
}

/** A fitted predictor in a thread or process of its own. A question that it fails at, or hangs in, costs that question alone. */
export interface HostedPredictor extends FittedPredictor {
  /** @param signal ends the waiting for an answer; where it does not come soon, what it is computed in is ended and started anew */
  predict(batch: EncodingBatch, signal?: AbortSignal): Promise<Prediction>;
  /** Ends what it runs in; questions still open are rejected with CANCELLED, later ones too. */
  close(): Promise<void>;
}

/**
 * Fits a predictor in a thread or process of its own, which then answers `predict` until `close`. The pairs have been checked
 * before (`checkPairs`).
 *
 * @param signal ends the fit or, later, the predictor; its reason is what the caller gets
 * @throws PrunecastError PREDICTOR_FAILED with the library's own words, or the signal's reason
 */
export function fitHosted(
  module: PredictorModule,
  pairs: PairTable,
  seed: number,
  signal?: AbortSignal,
): Promise<HostedPredictor> {
  return host(module, signal, async (thread, control) =>
    requireSaved(
      module.plugin.id,
      await thread.call('fit', { pairs, options: module.options, seed, files: module.files }, control),
    ),
  );
}

/**
 * A fitted predictor from what its `save` returned; bit-equal predictions.
 *
 * @throws PrunecastError PREDICTOR_FAILED, or the signal's reason
 */
export function loadHosted(module: PredictorModule, bytes: Uint8Array, signal?: AbortSignal): Promise<HostedPredictor> {
  return host(module, signal, async (thread, control) => {
    await thread.call('load', bytes, control);
    return bytes;
  });
}

/** @param obtain fits or loads; returns what the predictor is saved as */
async function host(
  { plugin: { id, runsIn }, moduleUrl }: PredictorModule,
  signal: AbortSignal | undefined,
  obtain: (thread: CallThread<PredictorCalls>, control: { readonly signal: AbortSignal }) => Promise<Uint8Array>,
): Promise<HostedPredictor> {
  signal?.throwIfAborted();
  let saved: Uint8Array | undefined;
  const thread = startCallThread<PredictorCalls>({
    begin: () => startPredictorWorker(runsIn, { moduleUrl: workerUrl(moduleUrl).href, saved }),
    failed: (cause) => describeFailure(id, cause),
    closed: () => new PrunecastError('CANCELLED', `the predictor ${id} was closed`),
    // Some libraries are broken for good once they have failed, such as the WebAssembly build of ml-xgboost.
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
    saved = await explain(id, obtain(thread, { signal: life.signal }));
  } catch (error) {
    await close(error);
    throw error;
  }
  const model = saved;
  return {
    save: () => model,
    predict: async ({ rates, columns }, asked) => {
      const batch = { rates, columns };
      return requirePrediction(
        id,
        batch,
        await explain(id, orAborted(thread.call('predict', batch, { signal: asked ?? life.signal }), life.signal)),
      );
    },
    close: () => close(new PrunecastError('CANCELLED', `the predictor ${id} was closed`)),
  };
}

/** Has a failure name the predictor, with the library's own words. */
async function explain<Result>(id: string, result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    const isNamed =
      error instanceof PrunecastError && (error.reason !== 'PREDICTOR_FAILED' || error.message.startsWith(startOf(id)));
    throw isNamed || !(error instanceof Error) ? error : describeFailure(id, error);
  }
}

/** What `save` gave. Throws PREDICTOR_FAILED for anything but bytes. */
function requireSaved(id: string, saved: unknown): Uint8Array {
  if (saved instanceof Uint8Array) return saved;
  throw describeFailure(id, `its save() gave ${nameType(saved)} in place of a Uint8Array`);
}

/** What `predict` answered. Throws PREDICTOR_FAILED for anything but a finite number a row. */
function requirePrediction(id: string, batch: EncodingBatch, prediction: Prediction): Prediction {
  const { mean, deviation } = (prediction ?? {}) as Partial<Prediction>;
  for (const [name, values] of Object.entries({ mean, ...(deviation === undefined ? {} : { deviation }) })) {
    if (!(values instanceof Float64Array))
      throw describeFailure(id, `its answer has ${nameType(values)} as ${name} in place of a Float64Array`);
    if (values.length !== countRows(batch))
      throw describeFailure(id, `its answer has ${values.length} values as ${name} for ${countRows(batch)} rows`);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw describeFailure(id, `its answer has the ${name} ${values[bad]} for row ${bad}: a finite number is needed`);
  }
  return prediction;
}

function nameType(value: unknown): string {
  return value instanceof Object
    ? `a value of ${value.constructor.name}`
    : value === null
      ? 'null'
      : `a value of ${typeof value}`;
}

function describeFailure(id: string, cause: unknown): PrunecastError {
  const words = cause instanceof Error ? cause.message : String(cause ?? 'it ended by itself');
  return new PrunecastError('PREDICTOR_FAILED', `${startOf(id)}${words}`, { cause });
}

function startOf(id: string): string {
  return `the predictor ${id} failed: `;
}
