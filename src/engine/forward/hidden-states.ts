import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { RunBatch } from '../../core/run-batches.js';
import type { EmbeddingTable } from '../weights/token-tables.js';
import type { SequenceBatch } from '../../core/sequence-batches.js';

/** Hidden states of some batches, one [tokens, hidden] array per batch. */
export type HiddenStates = readonly Float32Array[];

/** Arrays that are used again: a batch's states are read from one array and written into another. */
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

/**
 * A pool for arrays of many lengths: each is lent a buffer of `most` values, so that no more of them are kept than were
 * lent at once. Throws RangeError for a longer array.
 */
export function createBufferPool(most: number): StatePool {
  const bytes = most * Float32Array.BYTES_PER_ELEMENT;
  const free: ArrayBufferLike[] = [];
  return {
    take: (length) => new Float32Array(free.pop() ?? new ArrayBuffer(bytes), 0, length),
    give: ({ buffer }) => {
      if (buffer.byteLength === bytes) free.push(buffer); // it may come from elsewhere
    },
  };
}

/**
 * Embeds tokens, one row of `states` each.
 *
 * @throws PrunecastError INVALID_REQUEST if a token id is outside the vocabulary
 */
async function embedTokens(table: EmbeddingTable, tokens: readonly number[], states: Float32Array): Promise<void> {
  const { vocabulary, hidden } = table;
  const outside = tokens.find((token) => token < 0 || token >= vocabulary);
  if (outside !== undefined)
    throw PrunecastError.ofField('text.token_ids', `has ${outside}; the model's vocabulary is 0 to ${vocabulary - 1}`);
  const rows = await table.readRows(new Set(tokens));
  tokens.forEach((token, position) => states.set(rows.get(token) ?? [], position * hidden));
}

/** Embeds batch after batch, each into an array of the pool. */
export async function embedBatches(
  table: EmbeddingTable,
  batches: readonly SequenceBatch[],
  sequences: readonly { readonly tokens: Int32Array }[],
  pool: StatePool,
): Promise<Float32Array[]> {
  const embedded: Float32Array[] = [];
  for (const batch of batches) {
    const states = pool.take(countStates(batch, table.hidden));
    await embedTokens(
      table,
      batch.sequences.flatMap((sequence) => [...(sequences[sequence]?.tokens ?? [])]),
      states,
    );
    embedded.push(states);
  }
  return embedded;
}

/** The same for batches of runs: [rows, hidden] each. */
export async function embedRuns(
  table: EmbeddingTable,
  batches: readonly RunBatch[],
  pool: StatePool,
): Promise<Float32Array[]> {
  const embedded: Float32Array[] = [];
  for (const { runs, rows } of batches) {
    const states = pool.take(rows * table.hidden);
    await embedTokens(
      table,
      runs.flatMap(({ tokens }) => [...tokens]),
      states,
    );
    embedded.push(states);
  }
  return embedded;
}

/** Values of one batch's hidden states. */
export function countStates(batch: SequenceBatch, hidden: number): number {
  return batch.sequences.length * batch.length * hidden;
}
