import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ModelShape } from '../../core/model/shape.js';

/** X^T X / tokens of the inputs of o and of down, float32 [width, width] row-major, units in the model's own order. */
export interface LayerGrams {
  readonly attention: Float32Array;
  readonly ffn: Float32Array;
}

/** Gram matrices of calibrations, as long as the model is open. */
export interface GramStore {
  /** Makes room for one calibration more. Throws MEMORY_EXCEEDED where they would take more than their share. */
  open(key: string): readonly LayerGrams[];
  /** undefined where the key names none. */
  find(key: string): readonly LayerGrams[] | undefined;
}

/** The share of the memory budget that Gram matrices may take. */
const BUDGET_SHARE = 0.4;

export function createGramStore({ layers, headDim }: ModelShape, memoryBudgetBytes: number): GramStore {
  const stored = new Map<string, readonly LayerGrams[]>();
  const widths = layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({ attention: kvHeads * queryHeadsPerKv * headDim, ffn: ffnChannels }));
  const bytes = widths.reduce((sum, { attention, ffn }) => sum + 4 * (attention ** 2 + ffn ** 2), 0);
  return {
    find: (key) => stored.get(key),
    open: (key) => {
      const known = stored.get(key);
      if (known !== undefined) return known;
      const needed = (stored.size + 1) * bytes;
      const allowed = Math.floor(BUDGET_SHARE * memoryBudgetBytes);
      if (needed > allowed) {
        throw new PrunecastError('MEMORY_EXCEEDED', `the Gram matrices of ${stored.size + 1} calibrations need ${needed} bytes, ${allowed} of the memory budget are theirs: raise the budget, or take a compensation that needs none`, {
          metadata: { needed_bytes: String(needed), budget_bytes: String(allowed) },
        });
      }
      const grams = widths.map(({ attention, ffn }) => ({ attention: new Float32Array(attention ** 2), ffn: new Float32Array(ffn ** 2) }));
      stored.set(key, grams);
      return grams;
    },
  };
}
