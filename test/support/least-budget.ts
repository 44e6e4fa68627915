import { PrunecastError } from '../../src/core/errors/prunecast-error.js';
import type { ModelShape } from '../../src/core/model/shape.js';
import { planMemory, type Workload } from '../../src/engine/runtime/plan-memory.js';

/** The smallest memory budget in which a call can run, as its refusal tells it. */
export function findLeastBudget(shape: ModelShape, work: Workload): number {
  try {
    planMemory(shape, 0, work);
  } catch (error) {
    if (error instanceof PrunecastError) return Number(error.metadata['needed_bytes']);
    throw error;
  }
  throw new Error('no budget at all was enough');
}
