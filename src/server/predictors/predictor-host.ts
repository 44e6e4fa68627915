import type { Worker } from 'node:worker_threads';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countRows, type EncodingBatch, type PairTable } from '../../core/pairs.js';
import type { FittedPredictor, Prediction, Predictor } from '../../core/ports/predictor.js';
import { workerUrl } from '../../engine/workers/worker-url.js';
import { startWorker } from '../../onnx-runtime/start-worker.js';
import type { PredictorAnswer, PredictorQuestion, PredictorTask } from './predictor-messages.js';

/** A predictor plug-in with its complete options, and the module whose default export it is. */
export interface PredictorModule {
  readonly plugin: Predictor;
  readonly options: unknown;
  readonly moduleUrl: URL;
  /** What the files that its options name hold; for fits alone. */
  readonly files?: Readonly<Record<string, Uint8Array>> | undefined;
}

/** A fitted predictor, wherever it runs. Once it failed, or its signal fired, every question is answered by that reason. */
export interface HostedPredictor extends FittedPredictor {
  /** Ends its thread, if it has one; questions still open are rejected with CANCELLED. */
  close(): Promise<void>;
}

/**
 * Fits a predictor in a thread of its own, which then answers `predict` until `close`; one that predicts inline is loaded
 * from there, and its thread ended (the singular values of 200 pairs take 0.1 s and more). The pairs have been checked
 * before (`checkPairs`).
 *
 * @param signal ends the fit or, later, the predictor; its reason is what the caller gets
 * @throws PrunecastError PREDICTOR_FAILED with the library's own words, or the signal's reason
 */
export async function fitHosted(module: PredictorModule, pairs: PairTable, seed: number, signal?: AbortSignal): Promise<HostedPredictor> {
  const fitted = await startThread(module, { kind: 'fit', pairs, options: module.options, seed, files: module.files }, signal);
  if (module.plugin.runsIn === 'worker') return fitted;
  await fitted.close();
  return loadInline(module.plugin, fitted.save(), signal);
}

/**
 * A fitted predictor from what its `save` returned; bit-equal predictions.
 *
 * @throws PrunecastError PREDICTOR_FAILED, or the signal's reason
 */
export async function loadHosted(module: PredictorModule, bytes: Uint8Array, signal?: AbortSignal): Promise<HostedPredictor> {
  return module.plugin.runsIn === 'worker' ? startThread(module, { kind: 'load', bytes }, signal) : loadInline(module.plugin, bytes, signal);
}

async function loadInline(plugin: Predictor, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<HostedPredictor> {
  signal?.throwIfAborted();
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof PrunecastError ? error : describeFailure(plugin.id, error);
    }
  };
  const fitted = await guard(() => plugin.load(bytes));
  return {
    predict: (batch) => guard(async () => requirePrediction(plugin.id, batch, await fitted.predict(batch))),
    save: () => bytes,
    close: () => Promise.resolve(),
  };
}

/** Somebody who waits for the thread. */
interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

interface OpenQuestion extends Waiting<Prediction> {
  readonly batch: EncodingBatch;
}

async function startThread({ plugin, moduleUrl }: PredictorModule, start: PredictorTask['start'], signal: AbortSignal | undefined): Promise<HostedPredictor> {
  signal?.throwIfAborted();
  const thread = new PredictorThread(plugin.id, { moduleUrl: workerUrl(moduleUrl).href, start });
  const onAbort = (): void => thread.end(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  thread.onEnd = () => signal?.removeEventListener('abort', onAbort);
  const saved = await thread.ready;
  return {
    save: () => saved,
    predict: (batch) => thread.ask(batch),
    close: async () => {
      thread.end(new PrunecastError('CANCELLED', `the predictor ${plugin.id} was closed`));
      await thread.exited;
    },
  };
}

/** One worker thread; ended for good by the first failure. */
class PredictorThread {
  /** The saved model, once it is fitted or loaded. */
  readonly ready: Promise<Uint8Array>;
  readonly exited: Promise<void>;
  onEnd: (() => void) | undefined;
  readonly #id: string;
  readonly #worker: Worker;
  readonly #open = new Map<number, OpenQuestion>();
  #starting: Waiting<Uint8Array> | undefined;
  #ended: { readonly reason: unknown } | undefined;
  #next = 0;

  constructor(id: string, task: PredictorTask) {
    this.#id = id;
    // Its output is caught and dropped: ml-xgboost writes to stdout whenever it loads.
    this.#worker = startWorker(workerUrl(new URL('./predictor-worker.js', import.meta.url)), { workerData: task, stdout: true, stderr: true });
    this.#worker.stdout.resume();
    this.#worker.stderr.resume();
    this.ready = new Promise((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', () => resolve());
    });
    this.#worker.on('message', (message: PredictorAnswer) => this.#hear(message));
    this.#worker.on('error', (error) => this.end(describeFailure(id, error)));
    this.#worker.on('exit', (code) => this.end(describeFailure(id, `its thread ended by itself with code ${code}`)));
  }

  ask({ rates, columns }: EncodingBatch): Promise<Prediction> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended.reason);
        return;
      }
      const question: PredictorQuestion = { id: this.#next++, batch: { rates, columns } };
      this.#open.set(question.id, { resolve, reject, batch: question.batch });
      this.#worker.ref();
      this.#worker.postMessage(question, []);
    });
  }

  end(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { reason };
    this.onEnd?.();
    this.#starting?.reject(reason);
    for (const { reject } of this.#open.values()) reject(reason);
    this.#open.clear();
    void this.#worker.terminate();
  }

  /** Hands on what the thread said where it is what it should be; ends the thread where it is not. */
  #take<T>(read: () => T, waiting: Waiting<T> | undefined): void {
    try {
      waiting?.resolve(read());
    } catch (error) {
      this.end(error);
    }
  }

  #hear(message: PredictorAnswer): void {
    if (message.kind === 'failed') {
      const { reason, metadata } = message;
      this.end(reason === 'PREDICTOR_FAILED' ? describeFailure(this.#id, message.message) : new PrunecastError(reason, message.message, { metadata }));
    } else if (message.kind === 'ready') this.#take(() => requireSaved(this.#id, message.saved), this.#starting);
    else {
      const question = this.#open.get(message.id);
      if (question !== undefined) this.#take(() => requirePrediction(this.#id, question.batch, message.prediction), question);
      this.#open.delete(message.id);
    }
    // A thread that nobody waits for does not keep the process alive.
    if (this.#open.size === 0) this.#worker.unref();
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
    if (!(values instanceof Float64Array)) throw describeFailure(id, `its answer has ${nameType(values)} as ${name} in place of a Float64Array`);
    if (values.length !== countRows(batch)) throw describeFailure(id, `its answer has ${values.length} values as ${name} for ${countRows(batch)} rows`);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw describeFailure(id, `its answer has the ${name} ${values[bad]} for row ${bad}: a finite number is needed`);
  }
  return prediction;
}

function nameType(value: unknown): string {
  return value instanceof Object ? `a value of ${value.constructor.name}` : value === null ? 'null' : `a value of ${typeof value}`;
}

function describeFailure(id: string, cause: unknown): PrunecastError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new PrunecastError('PREDICTOR_FAILED', `the predictor ${id} failed: ${words}`, { cause });
}
