import { tmpdir } from 'node:os';
import type { TransposedProduct } from '../../core/ports/compensation.js';
import { createGramStore, type GramStore } from '../calibration/gram-store.js';
import { createBlockRunner, type BlockRunner } from '../forward/block-runner.js';
import type { ForwardContext } from '../forward/evaluate-architectures.js';
import { createSessionPool, type SessionPool } from '../graph/session-pool.js';
import { createTransposedProduct } from '../graph/transposed-product.js';
import type { WeightSource } from '../weights/layer-weights.js';
import { openTokenTables, type TokenTables } from '../weights/token-tables.js';
import { createWeightStore, type WeightStore } from '../weights/weight-store.js';
import { planMemory, type MemoryPlan, type Workload } from './plan-memory.js';

export interface RuntimeOptions {
  readonly threads: number;
  readonly memoryBudgetBytes: number;
  /** Folder for Gram matrices and hidden states that do not fit in memory. Default: the system's temporary folder. */
  readonly scratchDirectory?: string;
  /** Wraps every run of a graph; see `createSessionPool`. */
  readonly guard?: (run: () => Promise<void>) => Promise<void>;
}

/** What a model keeps between calls (weights, Gram matrices, compiled graphs), and what each call may use. */
export interface ModelMemory {
  readonly sessions: SessionPool;
  readonly runner: BlockRunner;
  readonly store: WeightStore;
  readonly grams: GramStore;
  readonly multiplyTransposed: TransposedProduct;
  readonly scratchDirectory: string;
  /**
   * Plans the memory of a call on these sequences, and keeps to the plan until the next call.
   *
   * @param workload `longest` and `tokens` are those of the sequences unless given
   */
  startCall(sequences: readonly Int32Array[], workload?: Partial<Workload>): Promise<CallContext>;
  /** Sets what later calls may use, at most the whole budget; the whole budget if omitted. */
  allow(budgetBytes: number | undefined): void;
  /** Sets with how many threads later graphs run; by default with those of the options. */
  useThreads(threads: number): void;
  /** Bytes that are kept between calls. */
  heldBytes(): number;
  close(): Promise<void>;
}

/** What a call works with, within its memory plan. */
export type CallContext = ForwardContext & Pick<TokenTables, 'wholeHead'> & Pick<MemoryPlan, 'storeBytes'>;

/** Throws MEMORY_EXCEEDED if the model can never fit the budget. */
export function createModelMemory(
  source: WeightSource,
  { threads, memoryBudgetBytes, scratchDirectory = tmpdir(), guard }: RuntimeOptions,
): ModelMemory {
  const { shape } = source.config;
  const sessions = createSessionPool({ threads, ...(guard === undefined ? {} : { guard }) });
  const runner = createBlockRunner(source.config, sessions);
  const store = createWeightStore(planMemory(shape, memoryBudgetBytes, { longest: 1 }).storeBytes);
  const grams = createGramStore(shape, { limitBytes: 0, directory: scratchDirectory });
  let allowedBytes = memoryBudgetBytes;
  let sessionBytes = 0;

  return {
    sessions,
    runner,
    store,
    grams,
    scratchDirectory,
    multiplyTransposed: createTransposedProduct(sessions),
    startCall: async (sequences, workload = {}) => {
      const plan = planMemory(
        shape,
        allowedBytes,
        { ...measureSequences(sequences), gramBytes: grams.bytesWith(), ...workload },
        memoryBudgetBytes,
      );
      sessionBytes = plan.sessionBytes;
      store.limit(plan.storeBytes);
      await grams.limit(plan.gramBytes);
      await sessions.keep(plan.keptSessions);
      const { embedding, head, wholeHead } = openTokenTables(source, store, plan.layers);
      return {
        runner,
        hidden: shape.hidden,
        headDim: shape.headDim,
        embedding,
        head: () => head(workload.precision ?? 'float32'),
        wholeHead,
        stateBytes: plan.stateBytes,
        storeBytes: plan.storeBytes,
        layers: plan.layers,
      };
    },
    allow: (budgetBytes = memoryBudgetBytes) => {
      allowedBytes = Math.min(budgetBytes, memoryBudgetBytes);
    },
    useThreads: sessions.useThreads,
    heldBytes: () => store.heldBytes() + grams.heldBytes() + sessionBytes,
    close: async () => {
      await sessions.close();
      await grams.close();
    },
  };
}

function measureSequences(sequences: readonly Int32Array[]): { readonly longest: number; readonly tokens: number } {
  return {
    longest: sequences.reduce((most, { length }) => Math.max(most, length), 1),
    tokens: sequences.reduce((sum, { length }) => sum + length, 0),
  };
}
