import type { Worker } from 'node:worker_threads';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EncodingBatch, PairTable } from '../../core/pairs.js';
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
  return { predict: (batch) => guard(() => fitted.predict(batch)), save: () => fitted.save(), close: () => Promise.resolve() };
}

/** Somebody who waits for the thread. */
interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
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
  readonly #open = new Map<number, Waiting<Prediction>>();
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
      this.#open.set(question.id, { resolve, reject });
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

  #hear(message: PredictorAnswer): void {
    if (message.kind === 'failed') {
      const { reason, metadata } = message;
      this.end(reason === 'PREDICTOR_FAILED' ? describeFailure(this.#id, message.message) : new PrunecastError(reason, message.message, { metadata }));
    } else if (message.kind === 'ready') this.#starting?.resolve(message.saved);
    else {
      this.#open.get(message.id)?.resolve(message.prediction);
      this.#open.delete(message.id);
    }
    // A thread that nobody waits for does not keep the process alive.
    if (this.#open.size === 0) this.#worker.unref();
  }
}

function describeFailure(id: string, cause: unknown): PrunecastError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new PrunecastError('PREDICTOR_FAILED', `the predictor ${id} failed: ${words}`, { cause });
}
