import { parentPort, workerData } from 'node:worker_threads';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { FittedPredictor, Predictor } from '../../core/ports/predictor.js';
import type { PredictorAnswer, PredictorQuestion, PredictorTask } from './predictor-messages.js';

/** The thread of one predictor: fits or loads it, then answers questions in turn until the host ends the thread. */
try {
  const fitted = await obtain(workerData as PredictorTask);
  parentPort?.on('message', (question: PredictorQuestion) => {
    answer(fitted, question).catch((error: unknown) => fail(error, question.id));
  });
  say({ kind: 'ready', saved: fitted.save() });
} catch (error) {
  fail(error, undefined);
}

async function obtain({ moduleUrl, start }: PredictorTask): Promise<FittedPredictor> {
  const predictor = ((await import(moduleUrl)) as { readonly default: Predictor }).default;
  return start.kind === 'fit' ? predictor.fit(start.pairs, start.options, start.seed, start.files) : predictor.load(start.bytes);
}

async function answer(fitted: FittedPredictor, { id, batch }: PredictorQuestion): Promise<void> {
  say({ kind: 'predicted', id, prediction: await fitted.predict(batch) });
}

function fail(error: unknown, id: number | undefined): void {
  const known = error instanceof PrunecastError ? error : undefined;
  // Some libraries throw what is no Error, such as the WebAssembly build of ml-xgboost when it aborts.
  const message = error instanceof Error ? error.message : String(error);
  say({ kind: 'failed', id, reason: known?.reason ?? 'PREDICTOR_FAILED', message, metadata: known?.metadata ?? {} });
}

function say(message: PredictorAnswer): void {
  parentPort?.postMessage(message, []);
}
