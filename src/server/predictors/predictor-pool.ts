import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { isBuiltIn } from '../../plugin-host/import-plugins.js';
import {
  createPredictorWorker,
  type PredictorModule,
  type PredictorWorker,
  type PredictorWorkers,
} from './predictor-host.js';

/** Workers that serve one predictor after the other. */
export interface PredictorPool extends PredictorWorkers {
  /**
   * Ends the workers that are not lent, but for those of built-in plug-ins: what others keep could change later fits,
   * and their files may change.
   */
  rest(): Promise<void>;
  /** Ends all workers; whoever waits for one is refused with CANCELLED. */
  close(): Promise<void>;
}

/**
 * Lends at most `most` workers at a time; who asks for more waits, first come, first served. A worker is used again for
 * the same plug-in, a thread of a built-in one for all of them: starting one, with its modules and code that is not yet
 * compiled, takes longer than many a fit.
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
      const found = idle.findLastIndex((worker) => canServe(worker, module));
      const [known] = found < 0 ? [] : idle.splice(found, 1);
      if (known === undefined && lent.size + idle.length >= most) void idle.shift()?.thread.close();
      const worker = known ?? createPredictorWorker(module);
      worker.address = module.address;
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
    async rest() {
      const own = idle.filter((worker) => !isShared(worker));
      for (const worker of own) idle.splice(idle.indexOf(worker), 1);
      await Promise.all(own.map(({ thread }) => thread.close()));
    },
    async close() {
      isClosed = true;
      await Promise.all([...lent, ...idle.splice(0)].map(({ thread }) => thread.close()));
    },
  };
}

type Served = Pick<PredictorModule, 'address' | 'runsIn'>;

function canServe(worker: Served, module: Served): boolean {
  const [a, b] = [worker.address, module.address];
  return (
    (isShared(worker) && isShared(module)) || (a.moduleUrl === b.moduleUrl && a.id === b.id && a.version === b.version)
  );
}

/** A process holds native code that may crash. */
function isShared({ address, runsIn }: Served): boolean {
  return runsIn === 'worker' && isBuiltIn(address.moduleUrl);
}
