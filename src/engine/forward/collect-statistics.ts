import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ModelShape } from '../../core/model/shape.js';
import type { TransposedProduct } from '../../core/ports/compensation.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { Calibration, InputStatistics, LayerStatistics } from '../calibration/calibration.js';
import type { HalfPlace } from '../calibration/gram-store.js';
import type { SessionPool } from '../graph/session-pool.js';
import { buildStatisticsGraph } from '../graph/statistics-graphs.js';
import { type ReadyHalf, type RankedWeights, stepOf } from '../weights/half-blocks.js';
import type { EmbeddingTable } from '../weights/token-tables.js';
import type { BatchSize, BlockRunner } from './block-runner.js';
import { countStates, createStatePool, embedBatches, type StatePool } from './hidden-states.js';
import { planPasses } from './plan-passes.js';
import { batchSequences, type SequenceBatch } from '../../core/sequence-batches.js';

export interface CalibrationContext {
  readonly shape: ModelShape;
  readonly runner: BlockRunner;
  readonly sessions: SessionPool;
  readonly embedding: EmbeddingTable;
  /** The model's own weights, units in their own order. */
  readonly weights: RankedWeights;
  /** Most bytes of hidden states at once. */
  readonly stateBytes: number;
  /** Receives a share of a half-block's Gram matrix, [width, width]; undefined: not needed. */
  readonly addGram?: (place: HalfPlace, share: Float64Array, factor: number) => Promise<void>;
  readonly multiplyTransposed: TransposedProduct;
}

/**
 * One pass of the dense model over the calibration sequences, layer by layer with all sequences: the moments of the
 * inputs of o and down, and their Gram matrices if they are asked for. Sequences whose hidden states do not fit in
 * memory together are passed in groups, one after the other. Throws CALIBRATION_UNUSABLE if a moment is not finite.
 */
export async function collectStatistics(
  context: CalibrationContext,
  sequences: readonly Int32Array[],
  work: WorkContext,
): Promise<Calibration> {
  const { shape } = context;
  const inputs = sequences.map((tokens) => ({ tokens }));
  const tokens = sequences.reduce((sum, { length }) => sum + length, 0);
  const sums = shape.layers.map((layer) => ({
    attention: createSums(layer.kvHeads * layer.queryHeadsPerKv * shape.headDim),
    ffn: createSums(layer.ffnChannels),
    blockInfluence: [] as number[],
  }));
  const [pass] = planPasses([undefined], batchSequences(inputs), {
    bytesOf: (batch) => 4 * countStates(batch, shape.hidden),
    heldStates: () => 2, // and those before the block
    limitBytes: context.stateBytes,
  });
  let done = 0;
  for (const group of pass?.groups ?? []) {
    await passGroup(context, group, inputs, { sums, tokens }, work, (passed) => {
      done += passed / (2 * shape.layers.length);
      work.report?.({ what: 'tokens', done: Math.round(done), total: tokens });
    });
  }
  return {
    sequences: sequences.length,
    tokens,
    layers: sums.map(
      ({ attention, ffn, blockInfluence }): LayerStatistics => ({
        attention: divideSums(attention, tokens),
        ffn: divideSums(ffn, tokens),
        blockInfluence: blockInfluence.reduce((sum, part) => sum + part, 0) / tokens,
      }),
    ),
  };
}

interface LayerSums {
  readonly attention: Sums;
  readonly ffn: Sums;
  /** One sum per batch, over its tokens. */
  readonly blockInfluence: number[];
}

interface Sums {
  readonly sum: Float64Array;
  readonly sumOfSquares: Float64Array;
}

async function passGroup(
  { shape, runner, sessions, embedding, weights, addGram, multiplyTransposed }: CalibrationContext,
  batches: readonly SequenceBatch[],
  inputs: readonly { readonly tokens: Int32Array }[],
  { sums, tokens }: { readonly sums: readonly LayerSums[]; readonly tokens: number },
  { signal }: WorkContext,
  passed: (tokens: number) => void,
): Promise<void> {
  const pool = createStatePool();
  const states = await embedBatches(embedding, batches, inputs, pool);
  for (const [layer, own] of shape.layers.entries()) {
    const before = states.map((array) => {
      const copy = pool.take(array.length);
      copy.set(array);
      return copy;
    });
    for (const half of ['attention', 'ffn'] as const) {
      const ready = await weights.prepare(stepOf(half, layer, own));
      const into = sums[layer]?.[half];
      if (into === undefined || ready.kind === 'nothing') continue;
      if (ready.kind === 'bias') {
        await addBias(runner, ready, batches, states, pool);
        continue;
      }
      const products = addGram === undefined ? undefined : new Float64Array(into.sum.length ** 2);
      for (const [index, batch] of batches.entries()) {
        signal.throwIfAborted();
        const size = { count: batch.sequences.length, length: batch.length };
        const input = states[index] as Float32Array;
        const output = pool.take(input.length);
        const tap = pool.take(size.count * size.length * into.sum.length);
        await runner.runHalf(ready, size, input, output, tap);
        await addMoments(sessions, tap, size, into);
        const tokensRun = size.count * size.length;
        if (products !== undefined) {
          // The product takes as long as the run, or longer.
          passed(tokensRun / 2);
          signal.throwIfAborted();
          const width = into.sum.length;
          const product = await multiplyTransposed(tap, tap, {
            inner: tokensRun,
            rows: width,
            columns: width,
          });
          for (let at = 0; at < products.length; at++)
            products[at] = (products[at] as number) + (product[at] as number);
        }
        pool.give(input);
        pool.give(tap);
        states[index] = output;
        passed(products === undefined ? tokensRun : tokensRun / 2);
      }
      requireFinite(products === undefined ? into.sumOfSquares : diagonalOf(products, into.sum.length), {
        layer,
        half,
      });
      if (products !== undefined) await addGram?.({ layer, half }, products, 1 / tokens);
    }
    before.forEach((array, index) => {
      sums[layer]?.blockInfluence.push(sumBlockInfluence(array, states[index] as Float32Array, shape.hidden));
      pool.give(array);
    });
  }
}

/**
 * A product of two inputs is never larger than the larger of their squares: if the squares are finite, all products
 * are.
 */
function requireFinite(squares: Float64Array, { layer, half }: HalfPlace): void {
  const input = squares.findIndex((value) => !Number.isFinite(value));
  if (input < 0) return;
  const map = half === 'attention' ? 'o' : 'down';
  throw new PrunecastError(
    'CALIBRATION_UNUSABLE',
    `layers.${layer}: input ${input} of ${map}, or its square, is too large for float32 on the calibration text. Evaluate the unpruned model: if it has no perplexity either, the checkpoint is broken; otherwise use a criterion and a compensation that need no text (magnitude, none)`,
    {
      metadata: { layer: String(layer), half, input: String(input) },
    },
  );
}

function diagonalOf(products: Float64Array, width: number): Float64Array {
  return Float64Array.from({ length: width }, (_, at) => products[at * (width + 1)] as number);
}

/** A half-block that the checkpoint has dropped has no inputs; it only adds the constant that it left. */
async function addBias(
  runner: BlockRunner,
  half: Extract<ReadyHalf, { kind: 'bias' }>,
  batches: readonly SequenceBatch[],
  states: Float32Array[],
  pool: StatePool,
): Promise<void> {
  for (const [index, batch] of batches.entries()) {
    const input = states[index] as Float32Array;
    const output = pool.take(input.length);
    await runner.runHalf(half, { count: batch.sequences.length, length: batch.length }, input, output);
    pool.give(input);
    states[index] = output;
  }
}

async function addMoments(
  sessions: SessionPool,
  values: Float32Array,
  { count, length }: BatchSize,
  into: Sums,
): Promise<void> {
  const width = into.sum.length;
  const batch = createSums(width);
  await sessions.run(
    'statistics',
    buildStatisticsGraph,
    { values: { values, dimensions: [count, length, width] } },
    {
      sum: { values: batch.sum, dimensions: [width] },
      sum_of_squares: { values: batch.sumOfSquares, dimensions: [width] },
    },
  );
  for (let column = 0; column < width; column++) {
    into.sum[column] = (into.sum[column] as number) + (batch.sum[column] as number);
    into.sumOfSquares[column] = (into.sumOfSquares[column] as number) + (batch.sumOfSquares[column] as number);
  }
}

function createSums(width: number): Sums {
  return { sum: new Float64Array(width), sumOfSquares: new Float64Array(width) };
}

function divideSums({ sum, sumOfSquares }: Sums, tokens: number): InputStatistics {
  return { mean: sum.map((value) => value / tokens), meanSquare: sumOfSquares.map((value) => value / tokens) };
}

/** Sum over tokens of 1 - cos(input, output), both [tokens, hidden]. A token whose states are all zero adds 1. */
export function sumBlockInfluence(input: Float32Array, output: Float32Array, hidden: number): number {
  let sum = 0;
  for (let start = 0; start < input.length; start += hidden) {
    let product = 0;
    let inputSquares = 0;
    let outputSquares = 0;
    for (let index = start; index < start + hidden; index++) {
      const [a, b] = [input[index] as number, output[index] as number];
      product += a * b;
      inputSquares += a * a;
      outputSquares += b * b;
    }
    const norms = Math.sqrt(inputSquares * outputSquares);
    sum += 1 - (norms === 0 ? 0 : product / norms);
  }
  return sum;
}
