import type { BlockRunner } from '../forward/block-runner.js';
import { countStates, createStatePool, embedBatches } from '../forward/hidden-states.js';
import { batchSequences, type SequenceBatch } from '../../core/sequence-batches.js';
import type { ReadyHalf } from '../weights/half-blocks.js';
import { outputOf } from '../weights/map-parts.js';
import type { EmbeddingTable } from '../weights/token-tables.js';
import { createStateShelf } from './state-shelf.js';
import type { StreamMeter } from './stream-meter.js';

/** The inputs of an output map, [count, length, width], for some of the batches. */
export type MapInputs = ReadonlyMap<number, Float32Array>;

/** The hidden states of several models; at first, each has the embedded sequences. */
export interface ModelStreams {
  readonly batches: readonly SequenceBatch[];
  /** Of all batches. */
  readonly tokens: number;
  /** Bytes that the hidden states leave free. */
  readonly spareBytes: number;
  /** Runs a model through a half-block; `inputs` of its output map need not be computed again. */
  advance(stream: number, half: ReadyHalf, signal: AbortSignal, inputs?: MapInputs): Promise<void>;
  /** Calls `use` with the states of one batch in two models. */
  withBatch(
    batch: number,
    streams: readonly [number, number],
    use: (states: readonly [Float32Array, Float32Array]) => Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
}

export interface ModelStreamsOptions {
  readonly hidden: number;
  readonly runner: BlockRunner;
  readonly embedding: EmbeddingTable;
  /** Most bytes of hidden states in memory, the batches being computed included. */
  readonly stateBytes: number;
  /** Folder for hidden states that do not fit in memory. */
  readonly scratchDirectory: string;
  readonly meter: Pick<StreamMeter, 'passed'>;
}

/** Opens the streams of `count` models. */
export async function openModelStreams(
  { hidden, runner, embedding, stateBytes, scratchDirectory, meter }: ModelStreamsOptions,
  count: number,
  sequences: readonly Int32Array[],
): Promise<ModelStreams> {
  const inputs = sequences.map((tokens) => ({ tokens }));
  const batches = batchSequences(inputs);
  const sizes = batches.map((batch) => countStates(batch, hidden));
  const pool = createStatePool();
  // Batch by batch, all models of a batch together.
  const placeOf = (stream: number, batch: number): number => batch * count + stream;
  const shelf = createStateShelf({
    sizes: sizes.flatMap((size) => Array.from({ length: count }, () => size)),
    limitBytes: stateBytes - countWorkingBytes(sizes),
    directory: scratchDirectory,
    pool,
  });
  try {
    for (const [index, batch] of batches.entries()) {
      for (let stream = 0; stream < count; stream++) {
        const [states = new Float32Array()] = await embedBatches(embedding, [batch], inputs, pool);
        await shelf.write(placeOf(stream, index), states);
      }
    }
  } catch (error) {
    await shelf.close();
    throw error;
  }
  return {
    batches,
    tokens: batches.reduce((sum, batch) => sum + batch.sequences.length * batch.length, 0),
    spareBytes: Math.max(
      0,
      stateBytes - countWorkingBytes(sizes) - 4 * count * sizes.reduce((sum, size) => sum + size, 0),
    ),
    advance: async (stream, half, signal, inputs) => {
      if (half.kind === 'nothing') return meter.passed(1);
      for (const [index, batch] of batches.entries()) {
        signal.throwIfAborted();
        const input = await shelf.read(placeOf(stream, index));
        const output = pool.take(input.length);
        const tap = inputs?.get(index);
        if (tap === undefined || half.kind === 'bias') await runner.runHalf(half, sizeOf(batch), input, output);
        else await runner.runOutputMap(outputOf(half), sizeOf(batch), { input, tap }, output);
        pool.give(input);
        await shelf.write(placeOf(stream, index), output);
        meter.passed(1 / batches.length);
      }
    },
    withBatch: async (batch, [a, b], use) => {
      const [first, second] = [await shelf.read(placeOf(a, batch)), await shelf.read(placeOf(b, batch))];
      await use([first, second]);
      shelf.giveBack(placeOf(a, batch), first);
      shelf.giveBack(placeOf(b, batch), second);
      meter.passed(1 / batches.length);
    },
    close: () => shelf.close(),
  };
}

/** How many models' hidden states memory has room for. */
export function countStreams(stateBytes: number, hidden: number, sequences: readonly Int32Array[]): number {
  const sizes = batchSequences(sequences.map((tokens) => ({ tokens }))).map((batch) => countStates(batch, hidden));
  const stream = 4 * sizes.reduce((sum, size) => sum + size, 0);
  return Math.floor((stateBytes - countWorkingBytes(sizes)) / Math.max(1, stream));
}

/**
 * States of the largest batch that are held at once: the dense model's, a pruned model's, and either the output of a
 * half-block with what the stream lacks, or both models' normalised states.
 */
const WORKING_STATES = 4;

function countWorkingBytes(sizes: readonly number[]): number {
  return 4 * WORKING_STATES * Math.max(0, ...sizes);
}

export function sizeOf({ sequences, length }: SequenceBatch): { readonly count: number; readonly length: number } {
  return { count: sequences.length, length };
}
