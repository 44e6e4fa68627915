import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture, LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import type { StreamHalfBlock, TransposedProduct } from '../../core/ports/compensation.js';
import type { WorkControl } from '../../core/ports/progress.js';
import type { BlockRunner } from '../forward/block-runner.js';
import { countStates, createStatePool, embedBatches, type EmbeddingTable } from '../forward/hidden-states.js';
import type { HalfStep } from '../forward/prefix-tree.js';
import type { ReadyHalf, RecipeWeights } from '../forward/recipe-weights.js';
import { batchWindows, type WindowBatch } from '../forward/window-batches.js';

export interface StreamContext {
  readonly shape: ModelShape;
  readonly runner: BlockRunner;
  readonly embedding: EmbeddingTable;
  /** The ranked weights as they are, not mended. */
  readonly weights: RecipeWeights;
  /** Most bytes of hidden states at once: both models' for all sequences, and one batch. */
  readonly stateBytes: number;
  readonly multiplyTransposed: TransposedProduct;
  /** The mended output map of a half-block. */
  readonly fit: (half: StreamHalfBlock) => Float32Array;
}

/** Mended output maps of one architecture, [rows, hidden] in ranked order, by `nameHalf`. */
export type StreamedMaps = Readonly<Record<string, Float32Array>>;

type KeptHalf = Extract<ReadyHalf, { kind: 'attention' | 'ffn' }>;

/**
 * Mends an architecture on its own stream: the dense and the pruned model go through the calibration sequences side by
 * side, half-block by half-block, and each half-block that lost units is fitted before the pruned one goes on through it.
 * One that lost nothing stays as it is, one that lost all leaves nothing.
 *
 * @throws PrunecastError MEMORY_EXCEEDED where the hidden states of all sequences do not fit, before any work
 */
export async function mendStream(context: StreamContext, architecture: Architecture, sequences: readonly Int32Array[], { signal, report }: WorkControl): Promise<StreamedMaps> {
  const { shape, runner, embedding, weights, fit } = context;
  const windows = sequences.map((tokens) => ({ tokens }));
  const batches = batchWindows(windows);
  const sizes = batches.map((batch) => countStates(batch, shape.hidden));
  requireRoom(sizes, context.stateBytes);
  const pool = createStatePool();
  const advance = async (half: ReadyHalf, states: Float32Array[]): Promise<void> => {
    if (half.kind === 'nothing') return;
    for (const [index, batch] of batches.entries()) {
      signal.throwIfAborted();
      const input = states[index] as Float32Array;
      const output = pool.take(input.length);
      await runner.runHalf(half, sizeOf(batch), input, output);
      pool.give(input);
      states[index] = output;
    }
  };

  const [dense, pruned] = [await embedBatches(embedding, batches, windows, pool), await embedBatches(embedding, batches, windows, pool)];
  const maps: Record<string, Float32Array> = {};
  for (const [layer, kept] of architecture.entries()) {
    const own = shape.layers[layer] as LayerArchitecture;
    for (const [step, ownStep] of pairSteps(layer, kept, own)) {
      await advance(await weights.prepare(ownStep), dense);
      const half = await weights.prepare(step); // what the checkpoint has dropped may add a constant to both
      if (countUnits(step) === countUnits(ownStep) || half.kind === 'nothing' || half.kind === 'bias') {
        await advance(half, pruned);
        continue;
      }
      const statistics = await gatherStatistics(context, half, { batches, dense, pruned }, signal);
      const map = fit(statistics);
      maps[nameHalf(step)] = map;
      await advance(replaceMap(half, map), pruned);
    }
    report?.({ what: 'layers', done: layer + 1, total: architecture.length });
  }
  return maps;
}

/** The name of a half-block's map. */
export function nameHalf({ layer, half }: Pick<HalfStep, 'layer' | 'half'>): string {
  return `${layer}:${half}`;
}

/** Weights of one architecture with its mended maps in place. */
export function withStreamedMaps(weights: RecipeWeights, maps: StreamedMaps): RecipeWeights {
  return {
    ...weights,
    prepare: async (step) => {
      const half = await weights.prepare(step);
      const map = maps[nameHalf(step)];
      return map === undefined || half.kind === 'nothing' || half.kind === 'bias' ? half : replaceMap(half, map);
    },
  };
}

/** The Gram matrix of a kept half-block's inputs in the pruned model, and their product with what the stream lacks. */
async function gatherStatistics(
  { shape: { hidden }, runner, multiplyTransposed }: StreamContext,
  half: KeptHalf,
  { batches, dense, pruned }: { readonly batches: readonly WindowBatch[]; readonly dense: readonly Float32Array[]; readonly pruned: readonly Float32Array[] },
  signal: AbortSignal,
): Promise<StreamHalfBlock> {
  const { map: weights, bias } = mapOf(half);
  const rows = weights.length / hidden;
  const gram = new Float64Array(rows * rows);
  const product = new Float64Array(rows * hidden);
  const tokens = dense.reduce((sum, { length }) => sum + length / hidden, 0);
  for (const [index, batch] of batches.entries()) {
    signal.throwIfAborted();
    const [target, before] = [dense[index] as Float32Array, pruned[index] as Float32Array];
    const inner = before.length / hidden;
    const inputs = new Float32Array(inner * rows);
    const lacking = new Float32Array(before.length);
    await runner.runHalf(half, sizeOf(batch), before, lacking, inputs); // its own output is not wanted
    for (let at = 0; at < lacking.length; at++) lacking[at] = (target[at] as number) - (before[at] as number) - (bias?.[at % hidden] ?? 0);
    addShare(gram, await multiplyTransposed(inputs, inputs, { inner, rows, columns: rows }), 1 / tokens);
    addShare(product, await multiplyTransposed(inputs, lacking, { inner, rows, columns: hidden }), 1 / tokens);
  }
  return { weights, rows, hidden, gram, product };
}

function addShare(sum: Float64Array, values: Float32Array, share: number): void {
  for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] as number) + share * (values[at] as number);
}

function mapOf(half: KeptHalf): { readonly map: Float32Array; readonly bias: Float32Array | undefined } {
  return half.kind === 'attention' ? { map: half.weights.output, bias: half.weights.outputBias } : { map: half.weights.down, bias: half.weights.downBias };
}

function replaceMap(half: KeptHalf, map: Float32Array): KeptHalf {
  return half.kind === 'attention' ? { ...half, weights: { ...half.weights, output: map } } : { ...half, weights: { ...half.weights, down: map } };
}

function pairSteps(layer: number, kept: LayerArchitecture, own: LayerArchitecture): (readonly [kept: HalfStep, own: HalfStep])[] {
  const attention = ({ kvHeads, queryHeadsPerKv }: LayerArchitecture): HalfStep => ({ half: 'attention', layer, kvHeads, queryHeadsPerKv });
  const ffn = ({ ffnChannels }: LayerArchitecture): HalfStep => ({ half: 'ffn', layer, ffnChannels });
  return [[attention(kept), attention(own)], [ffn(kept), ffn(own)]];
}

function countUnits(step: HalfStep): number {
  return step.half === 'attention' ? step.kvHeads * step.queryHeadsPerKv : step.ffnChannels;
}

function sizeOf({ windows, length }: WindowBatch): { readonly count: number; readonly length: number } {
  return { count: windows.length, length };
}

function requireRoom(sizes: readonly number[], stateBytes: number): void {
  const needed = 4 * (2 * sizes.reduce((sum, size) => sum + size, 0) + 2 * Math.max(0, ...sizes));
  if (needed <= stateBytes) return;
  throw new PrunecastError('MEMORY_EXCEEDED', `fitting on the stream holds ${needed} bytes of hidden states, the memory budget leaves ${stateBytes}: raise the budget, take fewer calibration sequences, or the one-shot fit`, {
    metadata: { needed_bytes: String(needed), budget_bytes: String(stateBytes) },
  });
}
