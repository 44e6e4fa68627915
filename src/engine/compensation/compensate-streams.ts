import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { StreamHalfBlock, TransposedProduct } from '../../core/ports/compensation.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { nameHalf } from '../calibration/gram-store.js';
import type { BlockRunner } from '../forward/block-runner.js';
import { countStates, createStatePool, embedBatches } from '../forward/hidden-states.js';
import { batchWindows, type WindowBatch } from '../forward/window-batches.js';
import { countUnits, type ReadyHalf, type RankedWeights, stepOf } from '../weights/half-blocks.js';
import type { EmbeddingTable } from '../weights/token-tables.js';
import { createStreamMeter, PASSES_TO_FIT, type StreamMeter } from './stream-meter.js';
import { createStateShelf } from './state-shelf.js';

export interface StreamContext {
  readonly shape: ModelShape;
  readonly runner: BlockRunner;
  readonly embedding: EmbeddingTable;
  /** The ranked weights without compensation. */
  readonly weights: RankedWeights;
  /**
   * Most bytes of hidden states in memory: as many as fit of those of all models and sequences, and the batches being
   * computed.
   */
  readonly stateBytes: number;
  /** Most bytes of compensated maps of several architectures; the maps of one are held in any case. */
  readonly mapBytes: number;
  /** Folder for hidden states that do not fit in memory. */
  readonly scratchDirectory: string;
  readonly multiplyTransposed: TransposedProduct;
  /** The compensated output map of a half-block. */
  readonly fit: (half: StreamHalfBlock) => Promise<Float32Array>;
}

/** Compensated output maps of one architecture, [rows, hidden] in ranked order, by `nameHalf`. */
export type StreamedMaps = Readonly<Record<string, Float32Array>>;

type KeptHalf = Extract<ReadyHalf, { kind: 'attention' | 'ffn' }>;

/**
 * Compensates architectures on their own streams. The dense model and the pruned ones run through the calibration
 * sequences side by side, half-block by half-block. Each half-block that lost units is fitted before its model
 * continues through it. One that lost nothing stays as it is, one that lost everything leaves nothing. The result for
 * one architecture does not depend on the others. Hidden states that do not fit in memory are on disk meanwhile.
 */
export async function compensateStreams(
  context: StreamContext,
  architectures: readonly Architecture[],
  sequences: readonly Int32Array[],
  work: WorkContext,
): Promise<StreamedMaps[]> {
  const { shape, weights, fit } = context;
  const { signal } = work;
  const meter = createStreamMeter(shape, architectures, sequences, work);
  const streams = await openStreams(context, 1 + architectures.length, sequences, meter);
  try {
    const maps = architectures.map((): Record<string, Float32Array> => ({}));
    for (const [layer, own] of shape.layers.entries()) {
      for (const half of ['attention', 'ffn'] as const) {
        const ownStep = stepOf(half, layer, own);
        await streams.advance(0, await weights.prepare(ownStep), signal);
        for (const [index, architecture] of architectures.entries()) {
          const step = stepOf(half, layer, architecture[layer] ?? own);
          // A half-block that the checkpoint has dropped may add a constant to both.
          const kept = await weights.prepare(step);
          if (countUnits(step) === countUnits(ownStep) || kept.kind === 'nothing' || kept.kind === 'bias') {
            await streams.advance(1 + index, kept, signal);
            meter.passed(PASSES_TO_FIT - 1);
            continue;
          }
          const { statistics, inputs } = await gatherStatistics(context, kept, { streams, pruned: 1 + index }, signal);
          const map = await fit({ ...statistics, breathe: meter.breathe });
          meter.passed(1);
          (maps[index] ?? {})[nameHalf(step)] = map;
          await streams.advance(1 + index, replaceMap(kept, map), signal, inputs);
        }
      }
    }
    return maps;
  } finally {
    await streams.close();
  }
}

/**
 * How many architectures are compensated together: as many as memory has room for, counting the hidden states of each
 * and of the dense model, and the maps.
 */
export function countTogether(
  {
    shape: { hidden, headDim, layers },
    stateBytes,
    mapBytes,
  }: Pick<StreamContext, 'shape' | 'stateBytes' | 'mapBytes'>,
  sequences: readonly Int32Array[],
): number {
  const sizes = batchWindows(sequences.map((tokens) => ({ tokens }))).map((batch) => countStates(batch, hidden));
  const stream = 4 * sizes.reduce((sum, size) => sum + size, 0);
  const streams = Math.floor((stateBytes - countWorkingBytes(sizes)) / Math.max(1, stream));
  const maps =
    4 *
    hidden *
    layers.reduce(
      (sum, { kvHeads, queryHeadsPerKv, ffnChannels }) => sum + kvHeads * queryHeadsPerKv * headDim + ffnChannels,
      0,
    );
  return Math.max(1, Math.min(streams - 1, Math.floor(mapBytes / Math.max(1, maps))));
}

/** The inputs of an output map, [count, length, width], for some of the batches. */
type MapInputs = ReadonlyMap<number, Float32Array>;

/** The hidden states of several models; at first, each has the embedded sequences. */
interface Streams {
  readonly batches: readonly WindowBatch[];
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

async function openStreams(
  { shape: { hidden }, runner, embedding, stateBytes, scratchDirectory }: StreamContext,
  count: number,
  sequences: readonly Int32Array[],
  meter: Pick<StreamMeter, 'passed'>,
): Promise<Streams> {
  const windows = sequences.map((tokens) => ({ tokens }));
  const batches = batchWindows(windows);
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
        const [states = new Float32Array()] = await embedBatches(embedding, [batch], windows, pool);
        await shelf.write(placeOf(stream, index), states);
      }
    }
  } catch (error) {
    await shelf.close();
    throw error;
  }
  return {
    batches,
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
        else await runner.runOutputMap(mapOf(half), sizeOf(batch), { input, tap }, output);
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

/**
 * States of the largest batch that are held at once: the dense model's, a pruned model's, the output of a half-block,
 * and what the stream lacks.
 */
const WORKING_STATES = 4;

function countWorkingBytes(sizes: readonly number[]): number {
  return 4 * WORKING_STATES * Math.max(0, ...sizes);
}

/** The weights of one architecture with its compensated maps in place. */
export function withStreamedMaps(weights: RankedWeights, maps: StreamedMaps): RankedWeights {
  return {
    ...weights,
    prepare: async (step) => {
      const half = await weights.prepare(step);
      const map = maps[nameHalf(step)];
      return map === undefined || half.kind === 'nothing' || half.kind === 'bias' ? half : replaceMap(half, map);
    },
  };
}

/**
 * The Gram matrix of a kept half-block's inputs in a pruned model, and their product with what its stream lacks; and the
 * inputs of as many batches as memory has room for.
 */
async function gatherStatistics(
  { shape: { hidden }, runner, multiplyTransposed }: StreamContext,
  half: KeptHalf,
  { streams, pruned }: { readonly streams: Streams; readonly pruned: number },
  signal: AbortSignal,
): Promise<{ readonly statistics: StreamHalfBlock; readonly inputs: MapInputs }> {
  const { weights, bias } = mapOf(half);
  const rows = weights.length / hidden;
  const gram = new Float64Array(rows * rows);
  const product = new Float64Array(rows * hidden);
  const tokens = streams.batches.reduce((sum, { windows, length }) => sum + windows.length * length, 0);
  const kept = new Map<number, Float32Array>();
  let spareBytes = streams.spareBytes;
  for (const [index, batch] of streams.batches.entries()) {
    signal.throwIfAborted();
    await streams.withBatch(index, [0, pruned], async ([target, before]) => {
      const inner = before.length / hidden;
      const inputs = new Float32Array(inner * rows);
      const lacking = new Float32Array(before.length);
      await runner.runHalf(half, sizeOf(batch), before, undefined, inputs);
      subtract(target, before, bias, lacking);
      addShare(gram, await multiplyTransposed(inputs, inputs, { inner, rows, columns: rows }), 1 / tokens);
      addShare(product, await multiplyTransposed(inputs, lacking, { inner, rows, columns: hidden }), 1 / tokens);
      spareBytes -= inputs.byteLength;
      if (spareBytes >= 0) kept.set(index, inputs);
    });
  }
  return { statistics: { weights, rows, hidden, gram, product, multiplyTransposed }, inputs: kept };
}

/** a - b - bias, where a and b are [tokens, bias.length]. */
function subtract(a: Float32Array, b: Float32Array, bias: Float32Array | undefined, to: Float32Array): void {
  if (bias === undefined) {
    for (let at = 0; at < to.length; at++) to[at] = (a[at] as number) - (b[at] as number);
    return;
  }
  for (let start = 0; start < to.length; start += bias.length)
    for (let at = 0; at < bias.length; at++)
      to[start + at] = (a[start + at] as number) - (b[start + at] as number) - (bias[at] as number);
}

function addShare(sum: Float64Array, values: Float32Array, share: number): void {
  for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] as number) + share * (values[at] as number);
}

function mapOf(half: KeptHalf): { readonly weights: Float32Array; readonly bias: Float32Array | undefined } {
  return half.kind === 'attention'
    ? { weights: half.weights.output, bias: half.weights.outputBias }
    : { weights: half.weights.down, bias: half.weights.downBias };
}

function replaceMap(half: KeptHalf, map: Float32Array): KeptHalf {
  return half.kind === 'attention'
    ? { ...half, weights: { ...half.weights, output: map } }
    : { ...half, weights: { ...half.weights, down: map } };
}

function sizeOf({ windows, length }: WindowBatch): { readonly count: number; readonly length: number } {
  return { count: windows.length, length };
}
