import { parentPort } from 'node:worker_threads';
import type { PairTable } from '../../core/pairs.js';
import { digestOf } from '../../engine/files/digest.js';
import { detectThreads } from '../../engine/runtime/resource-limits.js';
import { encodeError } from '../../engine/workers/message-errors.js';
import { CLOSE } from '../../engine/workers/task-thread.js';
import type { BackendsMessage, FitAnswer, FitProgress, FitTask } from './fit-messages.js';
import { countFits, fitMetric, type Backends, type MetricFit } from './fit-metric.js';
import { createPredictorPool } from './predictor-pool.js';

/*
 * A thread for one fit after the other: it chooses, judges and fits, so that statistics over thousands of pairs do not
 * block the server's event loop. It runs the backends in threads of its own, which end with it.
 */

/** Fits at a time; each worker takes about 40 MB. */
const MOST_WORKERS = 8;

const workers = createPredictorPool(Math.min(MOST_WORKERS, detectThreads()));
parentPort?.on('message', (message: FitTask | typeof CLOSE) => {
  if (message === CLOSE) void workers.close().then(() => process.exit());
  else void answer(message).then((answered) => parentPort?.postMessage(answered, []));
});

async function answer({ pairs, dimensions, backends, ...settings }: FitTask): Promise<FitAnswer> {
  try {
    const open = readBackends(backends);
    const fits: MetricFit[] = [];
    const total = pairs.length * countFits(open, pairs[0], settings);
    let done = 0;
    const fitted = (): void => tell({ kind: 'progress', done: ++done, total: Math.max(done, total) });
    tell({ kind: 'progress', done, total });
    for (const table of pairs) fits.push(await fitMetric(table, open, { ...settings, fitted }, workers));
    return { kind: 'fitted', fits, pairsDigest: digestPairs(dimensions, pairs) };
  } catch (error) {
    return { kind: 'failed', error: encodeError(error) };
  } finally {
    await workers.rest();
  }
}

function tell(progress: FitProgress): void {
  parentPort?.postMessage(progress, []);
}

function readBackends({ folds, modules }: BackendsMessage): Backends {
  const [first] = modules;
  if (first === undefined) throw new RangeError('a fit needs a backend');
  return folds === undefined ? { kind: 'named', module: first } : { kind: 'chosen', folds, modules };
}

function digestPairs(dimensions: readonly string[], tables: readonly PairTable[]): string {
  return digestOf({
    dimensions,
    rates: [...(tables[0]?.rates ?? [])],
    targets: tables.flatMap(({ targets }) => [...targets]),
  });
}
