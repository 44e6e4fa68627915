import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { createPredictorWorker, type PredictorWorker, type PredictorWorkers } from './predictor-host.js';

/** Workers that serve one predictor after the other. */
export interface PredictorPool extends PredictorWorkers {
  /** Ends all workers; whoever waits for one is refused with CANCELLED. */
  close(): Promise<void>;
}

/**
 * Lends at most `most` workers at a time; who asks for more waits, first come, first served. A worker is used again for
 * the same plug-in: starting one, with its modules and code that is not yet compiled, takes longer than many a fit.
 */
export function createPredictorPool(most: number): PredictorPool {
  const lent = new Set<PredictorWorker>();
  /** Longest unused first. */
  const idle: PredictorWorker[] = [];
  const waiting: (() => void)[] = [];
  let places = most;
  let isClosed = false;
  const enter = async (): Promise<void> => {
    if (places > 0) places -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) places += 1;
    else next();
  };
  return {
    async take(module) {
      await enter();
      if (isClosed) {
        leave();
        throw new PrunecastError('CANCELLED', 'the fit is over');
      }
      const found = idle.findLastIndex(({ address }) => isSame(address, module.address));
      const [known] = found < 0 ? [] : idle.splice(found, 1);
      if (known === undefined && lent.size + idle.length >= most) void idle.shift()?.thread.close();
      const worker = known ?? createPredictorWorker(module);
      lent.add(worker);
      return worker;
    },
    async give(worker, state) {
      lent.delete(worker);
      const isOver = state === 'broken' || worker.thread.isBusy();
      if (!isOver) {
        worker.saved = undefined;
        worker.served += 1;
        idle.push(worker);
      }
      leave();
      if (isOver) await worker.thread.close();
    },
    async close() {
      isClosed = true;
      await Promise.all([...lent, ...idle.splice(0)].map(({ thread }) => thread.close()));
    },
  };
}

function isSame(a: PredictorWorker['address'], b: PredictorWorker['address']): boolean {
  return a.moduleUrl === b.moduleUrl && a.id === b.id && a.version === b.version;
}
