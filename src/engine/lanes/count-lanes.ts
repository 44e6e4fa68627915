import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ModelShape } from '../../core/model/shape.js';
import { LANE_BYTES, planMemory, type Workload } from '../runtime/plan-memory.js';

/**
 * Models with wider hidden states compute in one lane. Two lanes against two threads of ONNX Runtime in one, on two
 * cores: 1.6 times as fast with 128 hidden, 1.25 with 256, 1.2 with 512, 1.15 for SmolLM2 with 576. But each lane holds
 * the weights, the Gram matrices and what is fitted to them, and of wide models those are large.
 */
const WIDEST = 256;

/** An ordinary label has 8,192 tokens, four batches: more lanes would wait for the others. */
const MOST_LANES = 4;

/**
 * How many threads share the losses of a model ("lanes"), each with one thread of ONNX Runtime and weights of its own.
 * The operations of a small model are too short to be divided among threads: 1 for all models that are not small, and
 * if there is no memory for more.
 */
export function countLanes(
  shape: ModelShape,
  { threads, memoryBudgetBytes }: { readonly threads: number; readonly memoryBudgetBytes: number },
): number {
  if (shape.hidden > WIDEST) return 1;
  const wanted = Math.min(threads, MOST_LANES);
  return wanted > 1 && hasRoom(shape, laneBudget(memoryBudgetBytes, wanted), { longest: 1 }) ? wanted : 1;
}

/** The part of a memory budget that each lane may use; not above 0: there is no memory for so many. */
export function laneBudget(budgetBytes: number, lanes: number): number {
  return Math.floor((budgetBytes - (lanes - 1) * LANE_BYTES) / lanes);
}

/** Whether a lane with this budget can do this work, with all weights in memory. */
export function hasRoom(shape: ModelShape, budgetBytes: number, work: Workload): boolean {
  try {
    return planMemory(shape, budgetBytes, work).layers === 'resident';
  } catch (error) {
    if (error instanceof PrunecastError && error.reason === 'MEMORY_EXCEEDED') return false;
    throw error;
  }
}
