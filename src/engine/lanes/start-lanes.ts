import { orAborted } from '../../core/or-aborted.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import { validateArchitecture } from '../../core/model/validate-architecture.js';
import type { Observation } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { digestOf } from '../files/digest.js';
import type { ModelCalls, ModelThreadData } from '../workers/model-messages.js';
import { startModelThread, type ModelThread } from '../workers/model-thread.js';
import { describeObservation } from '../runtime/plan-memory.js';
import { hasRoom, laneBudget } from './count-lanes.js';
import { runShares, type ObserveArgument } from './run-shares.js';
import { shareFits, shareWork, type Share } from './share-work.js';

/**
 * The threads of a model, as one: losses are shared among all of them, bit for bit as one thread computes them, and
 * everything else runs in the first. Each may use an equal part of the memory. What needs more, or does not get all
 * weights into that part, runs in the first thread with the whole, once the others have ended.
 */
export function startLanes(
  count: number,
  shape: ModelShape,
  threadData: Omit<ModelThreadData, 'gate'>,
  quiet?: () => void,
): ModelThread {
  if (count === 1) return startModelThread(threadData, quiet);
  let waiting: (() => void)[] = [];
  const hearQuiet = (): void => {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
    quiet?.();
  };
  const wholeBytes = threadData.options.memoryBudgetBytes;
  const first = startModelThread(threadData, hearQuiet);
  const others = Array.from({ length: count - 1 }, () =>
    startModelThread({ ...threadData, options: { ...threadData.options, threads: 1 } }, hearQuiet),
  );
  const lanes = [first, ...others];
  const fitted = rememberFits();
  /** Calls that have the first thread and all memory for themselves, or wait for that. */
  let alone = 0;

  /** Ends the other threads as soon as they are quiet; `leaveAlone` must follow if it resolves. */
  const enterAlone = async (signal: AbortSignal): Promise<void> => {
    alone += 1;
    try {
      while (others.some((lane) => lane.isBusy()))
        await orAborted(new Promise<void>((resolve) => waiting.push(resolve)), signal);
      await Promise.all(others.map((lane) => lane.rest()));
    } catch (error) {
      leaveAlone();
      throw error;
    }
  };
  const leaveAlone = (): void => {
    alone -= 1;
  };

  /** An architecture that is written tensor by tensor was fitted where it was measured. */
  const pickLane = (name: string, argument: unknown): ModelThread => {
    if (name !== 'blockMap') return first;
    const { recipe, request } = argument as ModelCalls['blockMap']['argument'];
    return lanes[fitted.laneOf(recipe.key, request.architecture) ?? 0] ?? first;
  };

  /**
   * Gram matrices are needed wherever maps are compensated: the other lanes gather their own at the same time. One that
   * fails does so again when it needs them.
   */
  const calibrateAll: ModelThread['call'] = (name, argument, work, budgetBytes) => {
    const own = { ...argument, threads: 1 };
    for (const lane of others) lane.call(name, own, { signal: work.signal }, budgetBytes).catch(() => undefined);
    return first.call(name, own, work, budgetBytes);
  };

  async function* observe(
    argument: ObserveArgument,
    work: WorkContext,
    budgetBytes: number,
  ): AsyncGenerator<Observation> {
    const { architectures, request, batches, recipe, fit } = argument;
    architectures.forEach((architecture, index) =>
      validateArchitecture(shape, architecture, `architectures[${index}]`),
    );
    const ownBytes = laneBudget(budgetBytes, count);
    let given = 0;
    const isTimed = request.timing !== undefined; // with all threads, and none beside it
    if (!isTimed && alone === 0 && hasRoom(shape, ownBytes, describeObservation(request, batches))) {
      const shared = { architectures, sequences: request.sequences, batches };
      const shares =
        fit === 'stream'
          ? shareFits(shared, count, (index) => fitted.laneOf(recipe.key, architectures[index] ?? []))
          : shareWork(shared, count);
      if (fit === 'stream') fitted.keep(recipe.key, architectures, shares);
      try {
        for await (const item of runShares(lanes, shares, argument, work, ownBytes)) {
          given += 1;
          yield item;
        }
        return;
      } catch (error) {
        if (given > 0 || !isShortOfMemory(error)) throw error;
      }
    }
    await enterAlone(work.signal);
    try {
      yield* first.stream('observe', argument, work, budgetBytes);
    } finally {
      leaveAlone();
    }
  }

  return {
    call: async (name, argument, work, budgetBytes = wholeBytes) => {
      if (alone === 0) {
        const ownBytes = laneBudget(budgetBytes, count);
        try {
          if (gathersGrams(name, argument)) return await calibrateAll(name, argument, work, ownBytes);
          return await pickLane(name, argument).call(name, argument, work, ownBytes);
        } catch (error) {
          if (!isShortOfMemory(error)) throw error;
        }
      }
      await enterAlone(work.signal);
      try {
        return await first.call(name, argument, work, budgetBytes);
      } finally {
        leaveAlone();
      }
    },
    stream: async function* stream<Name extends keyof ModelCalls>(
      name: Name,
      argument: ModelCalls[Name]['argument'],
      work: WorkContext,
      budgetBytes = wholeBytes,
    ) {
      // TypeScript does not narrow an argument by the name beside it; `observe` is the only call that sends items.
      if (name !== 'observe') throw new RangeError(`the call ${name} sends no items`);
      yield* observe(argument as ObserveArgument, work, budgetBytes) as AsyncGenerator<ModelCalls[Name]['item']>;
    },
    isBusy: () => lanes.some((lane) => lane.isBusy()),
    heldBytes: () => lanes.reduce((sum, lane) => sum + lane.heldBytes(), 0),
    rest: async () => void (await Promise.all(lanes.map((lane) => lane.rest()))),
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
      hearQuiet();
    },
  };
}

function gathersGrams(name: string, argument: unknown): boolean {
  return name === 'calibrate' && (argument as ModelCalls['calibrate']['argument']).needs.includes('gram');
}

function isShortOfMemory(error: unknown): boolean {
  return error instanceof PrunecastError && error.reason === 'MEMORY_EXCEEDED';
}

/** Most architectures whose lane is remembered. */
const MOST_REMEMBERED = 1000;

/** Where architectures were fitted; only a guess of where their compensated maps still are. */
interface RememberedFits {
  /** undefined: it is not known that a lane has fitted it. */
  laneOf(recipeKey: string, architecture: Architecture): number | undefined;
  keep(recipeKey: string, architectures: readonly Architecture[], shares: readonly Share[]): void;
}

function rememberFits(): RememberedFits {
  const known = new Map<string, number>();
  return {
    laneOf: (recipeKey, architecture) => known.get(keyOf(recipeKey, architecture)),
    keep: (recipeKey, architectures, shares) => {
      for (const share of shares)
        for (const place of share.architectures) {
          const key = keyOf(recipeKey, architectures[place] ?? []);
          known.delete(key);
          known.set(key, share.lane);
        }
      for (const key of known.keys()) {
        if (known.size <= MOST_REMEMBERED) return;
        known.delete(key);
      }
    },
  };
}

function keyOf(recipeKey: string, architecture: Architecture): string {
  return `${recipeKey}:${digestOf(architecture)}`;
}
