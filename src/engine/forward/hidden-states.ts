import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { WindowBatch } from './window-batches.js';

/** Hidden states of some batches of windows, a [count, length, hidden] array each. */
export type HiddenStates = readonly Float32Array[];

/** Arrays that are used again: a batch's states are written into another array than they are read from. */
export interface StatePool {
  take(length: number): Float32Array;
  give(states: Float32Array): void;
}

export function createStatePool(): StatePool {
  const free = new Map<number, Float32Array[]>();
  return {
    take: (length) => free.get(length)?.pop() ?? new Float32Array(length),
    give: (states) => {
      const others = free.get(states.length);
      if (others === undefined) free.set(states.length, [states]);
      else others.push(states);
    },
  };
}

export interface EmbeddingTable {
  /** [vocabulary, hidden] */
  readonly values: Float32Array;
  readonly hidden: number;
}

/**
 * The embedded tokens of one batch.
 *
 * @throws PrunecastError INVALID_REQUEST where a token id lies outside the vocabulary
 */
export function embedBatch(table: EmbeddingTable, batch: WindowBatch, windows: readonly { readonly tokens: Int32Array }[], states: Float32Array): void {
  const { values, hidden } = table;
  const vocabulary = values.length / hidden;
  batch.windows.forEach((window, place) => {
    windows[window]?.tokens.forEach((token, position) => {
      if (token < 0 || token >= vocabulary) {
        throw PrunecastError.ofField('text.token_ids', `has ${token}; the model's vocabulary is 0 to ${vocabulary - 1}`);
      }
      states.set(values.subarray(token * hidden, (token + 1) * hidden), (place * batch.length + position) * hidden);
    });
  });
}

/** Values of one batch's hidden states. */
export function countStates(batch: WindowBatch, hidden: number): number {
  return batch.windows.length * batch.length * hidden;
}
