import { parentPort, workerData } from 'node:worker_threads';
import type { PairTable } from '../../core/pairs.js';
import type { Predictor } from '../../core/ports/predictor.js';
import { digestOf } from '../../engine/files/digest.js';
import { encodeError } from '../../engine/workers/message-errors.js';
import type { BackendsMessage, FitAnswer, FitTask, ModuleMessage, SavedFit } from './fit-messages.js';
import { fitMetric, type Backends } from './fit-metric.js';
import type { PredictorModule } from './predictor-host.js';

/*
 * The thread of one fit: it chooses, judges and fits, so that no measure over thousands of pairs holds the event loop of the
 * server. The backends run in threads of its own, which end with it.
 */

parentPort?.postMessage(await answer(workerData as FitTask), []);

async function answer({ pairs, dimensions, backends, ...settings }: FitTask): Promise<FitAnswer> {
  try {
    const open = await openBackends(backends);
    const fits: SavedFit[] = [];
    for (const table of pairs) {
      const { fitted, ...fit } = await fitMetric(table, open, settings);
      await fitted.close();
      fits.push({ ...fit, saved: fitted.save() });
    }
    return { kind: 'fitted', fits, pairsDigest: digestPairs(dimensions, pairs) };
  } catch (error) {
    return { kind: 'failed', error: encodeError(error) };
  }
}

async function openBackends({ folds, modules }: BackendsMessage): Promise<Backends> {
  const opened = await Promise.all(modules.map(openModule));
  const [first] = opened;
  if (first === undefined) throw new RangeError('a fit needs a backend');
  return folds === undefined ? { kind: 'named', module: first } : { kind: 'chosen', folds, modules: opened };
}

async function openModule({ moduleUrl, options, files }: ModuleMessage): Promise<PredictorModule> {
  const { default: plugin } = (await import(moduleUrl)) as { readonly default: Predictor };
  return { plugin, options, moduleUrl: new URL(moduleUrl), files };
}

function digestPairs(dimensions: readonly string[], tables: readonly PairTable[]): string {
  return digestOf({
    dimensions,
    rates: [...(tables[0]?.rates ?? [])],
    targets: tables.flatMap(({ targets }) => [...targets]),
  });
}
