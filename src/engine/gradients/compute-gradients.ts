import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import type { ModelConfig } from '../config/config.js';
import type { BatchSize, BlockRunner } from '../forward/block-runner.js';
import { countStates, createStatePool, embedBatches, type StatePool } from '../forward/hidden-states.js';
import { countHeadRows } from '../forward/score-spans.js';
import { batchSequences, TOKENS_PER_RUN, type SequenceBatch } from '../../core/sequence-batches.js';
import type { SessionPool } from '../graph/session-pool.js';
import type { ReadyHalf, RankedWeights } from '../weights/half-blocks.js';
import type { HeadWeights } from '../weights/head-reader.js';
import type { EmbeddingTable } from '../weights/token-tables.js';
import { createBackwardRunner, type BackwardRunner } from './backward-runner.js';
import {
  createMatrixGradients,
  type AttentionMatrix,
  type FfnMatrix,
  type LayerGradients,
  type MatrixGradients,
} from './layer-gradients.js';
import { createPassMeter, type PassMeter } from './pass-meter.js';
import { planSegments, type LayerSegment } from './plan-segments.js';

export interface GradientContext {
  readonly config: ModelConfig;
  readonly sessions: SessionPool;
  readonly runner: BlockRunner;
  readonly embedding: EmbeddingTable;
  readonly head: () => Promise<HeadWeights>;
  /** The model's own weights, units in their own order. */
  readonly weights: RankedWeights;
  /** Most bytes of hidden states at once. */
  readonly stateBytes: number;
}

/**
 * One layer of the backward pass, with its weights in the model's own order; its arrays are reused once the next layer
 * is asked for.
 */
export interface LayerOnTheWayBack {
  readonly layer: number;
  readonly halves: { readonly attention: ReadyHalf; readonly ffn: ReadyHalf };
  readonly gradients: LayerGradients;
}

/**
 * The gradients of the mean next-token loss over the sequences, from the last layer to the first, one layer's weights
 * and gradients at a time. Only the inputs of blocks are kept; what happens inside a block is computed again.
 *
 * The loss of a sequence is the mean over its own predictions; all sequences with a prediction count equally.
 *
 * @throws PrunecastError INVALID_REQUEST if no sequence has a prediction, MEMORY_EXCEEDED if the hidden states do not
 * fit
 *
 * @param tell is told the share of all passes that is done
 */
export async function* computeGradients(
  context: GradientContext,
  sequences: readonly Int32Array[],
  signal: AbortSignal,
  tell: (share: number) => void = () => undefined,
): AsyncGenerator<LayerOnTheWayBack> {
  const {
    config: { shape },
  } = context;
  const inputs = sequences.filter(({ length }) => length > 1).map((tokens) => ({ tokens }));
  if (inputs.length === 0)
    throw PrunecastError.ofField(
      'calibration',
      'gradients need a sequence of at least 2 tokens, because the loss is that of predicting the next token',
    );
  const batches = batchSequences(inputs, countTokensPerRun(shape, inputs));
  const pool = createStatePool();
  const opened = {
    ...context,
    signal,
    batches,
    inputs,
    pool,
    backward: createBackwardRunner(context.config, context.sessions, pool),
    share: 1 / inputs.length,
  };
  const segments = fitSegments(opened);
  const walk: Walk = { ...opened, meter: createPassMeter(shape, segments, tell) };

  const starts: Float32Array[][] = [await embedBatches(walk.embedding, batches, inputs, pool)];
  for (const segment of segments.slice(0, -1))
    starts.push(await advance(walk, segment, copyStates(walk, starts.at(-1) ?? [])));
  let upstream: Float32Array[] | undefined;
  for (const segment of segments.toReversed()) {
    const inputs = [starts.pop() ?? []];
    for (let layer = segment.from + 1; layer < segment.to; layer++) {
      inputs.push(await advance(walk, { from: layer - 1, to: layer }, copyStates(walk, inputs.at(-1) ?? [])));
    }
    if (upstream === undefined)
      upstream = await startAtHead(
        walk,
        await advance(walk, { from: segment.to - 1, to: segment.to }, copyStates(walk, inputs.at(-1) ?? [])),
      );
    for (let layer = segment.to - 1; layer >= segment.from; layer--) {
      const states = inputs.pop() ?? [];
      yield await passLayerBack(walk, layer, states, upstream);
      states.forEach((array) => pool.give(array));
    }
  }
}

interface Walk extends GradientContext {
  readonly signal: AbortSignal;
  readonly batches: readonly SequenceBatch[];
  readonly inputs: readonly { readonly tokens: Int32Array }[];
  readonly pool: StatePool;
  readonly backward: BackwardRunner;
  readonly share: number;
  readonly meter: PassMeter;
}

/** While a batch runs, each of its sequences has its own gradient of a matrix in memory. */
const MAX_GRADIENT_BYTES = 64 * 1024 * 1024;

function countTokensPerRun(
  { hidden, headDim, layers }: ModelShape,
  inputs: readonly { readonly tokens: Int32Array }[],
): number {
  const rows = Math.max(
    1,
    ...layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) =>
      Math.max(ffnChannels, kvHeads * queryHeadsPerKv * headDim),
    ),
  );
  const together = Math.max(1, Math.floor(MAX_GRADIENT_BYTES / (4 * rows * hidden)));
  return Math.min(TOKENS_PER_RUN, together * Math.min(...inputs.map(({ tokens }) => tokens.length)));
}

function fitSegments({ config: { shape }, batches, stateBytes }: Omit<Walk, 'meter'>): LayerSegment[] {
  const bytes = batches.reduce((sum, batch) => sum + 4 * countStates(batch, shape.hidden), 0);
  const segments = planSegments(shape.layers.length, Math.floor(stateBytes / bytes));
  if (segments !== undefined) return segments;
  const least = bytes * (2 * Math.ceil(Math.sqrt(shape.layers.length)) + 3);
  throw new PrunecastError(
    'MEMORY_EXCEEDED',
    `gradients over these calibration sequences need about ${least} bytes for hidden states, but only ${stateBytes} are available: use fewer or shorter sequences, or raise the memory budget`,
    {
      metadata: { needed_bytes: String(least), budget_bytes: String(stateBytes) },
    },
  );
}

function copyStates({ pool }: Walk, states: readonly Float32Array[]): Float32Array[] {
  return states.map((array) => {
    const copy = pool.take(array.length);
    copy.set(array);
    return copy;
  });
}

/** Runs layers forward; takes over `states` and returns other arrays. */
async function advance(walk: Walk, { from, to }: LayerSegment, states: Float32Array[]): Promise<Float32Array[]> {
  const { batches, signal, meter } = walk;
  for (let layer = from; layer < to; layer++) {
    for (const half of Object.values(await prepareLayer(walk, layer))) {
      for (const [index, batch] of batches.entries()) {
        signal.throwIfAborted();
        states[index] = await runForward(walk, half, sizeOf(batch), states[index] as Float32Array);
        meter.forward(1 / (2 * batches.length));
      }
    }
  }
  return states;
}

async function runForward(
  { runner, pool }: Walk,
  half: ReadyHalf,
  size: BatchSize,
  input: Float32Array,
): Promise<Float32Array> {
  if (half.kind === 'nothing') return input;
  const output = pool.take(input.length);
  await runner.runHalf(half, size, input, output);
  pool.give(input);
  return output;
}

async function prepareLayer({ config: { shape }, weights }: Walk, layer: number): Promise<LayerOnTheWayBack['halves']> {
  const { kvHeads, queryHeadsPerKv, ffnChannels } = shape.layers[layer] as LayerArchitecture;
  return {
    attention: await weights.prepare({ half: 'attention', layer, kvHeads, queryHeadsPerKv }),
    ffn: await weights.prepare({ half: 'ffn', layer, ffnChannels }),
  };
}

/**
 * Turns `states` into the derivative of each sequence's loss with respect to the hidden states after the last layer.
 */
async function startAtHead(
  { config: { shape }, batches, inputs, head, backward, signal, meter }: Walk,
  states: Float32Array[],
): Promise<Float32Array[]> {
  const { hidden, vocabulary } = shape;
  const weights = await head();
  const rowsPerRun = countHeadRows(vocabulary);
  for (const [index, { length, sequences: inBatch }] of batches.entries()) {
    const array = states[index] as Float32Array;
    const targets = BigInt64Array.from(
      inBatch.flatMap((place) => [...(inputs[place]?.tokens.subarray(1) ?? []), 0]),
      BigInt,
    );
    // The last token predicts nothing.
    const shares = Float32Array.from(targets, (_, row) => (row % length === length - 1 ? 0 : 1 / (length - 1)));
    for (let from = 0; from < targets.length; from += rowsPerRun) {
      signal.throwIfAborted();
      const to = Math.min(from + rowsPerRun, targets.length);
      const rows = array.subarray(from * hidden, to * hidden);
      array.set(
        await backward.head(weights, rows, targets.subarray(from, to), shares.subarray(from, to)),
        from * hidden,
      );
      meter.head((to - from) / targets.length / batches.length);
    }
  }
  return states;
}

/** Turns `upstream` into the gradient of the layer's input. */
async function passLayerBack(
  walk: Walk,
  layer: number,
  inputs: readonly Float32Array[],
  upstream: Float32Array[],
): Promise<LayerOnTheWayBack> {
  const { batches, pool, backward, share, signal, meter } = walk;
  const halves = await prepareLayer(walk, layer);
  const { attention, ffn } = halves;
  const gradients = { attention: createAttentionGradients(attention), ffn: createFfnGradients(ffn) };
  for (const [index, batch] of batches.entries()) {
    const size = sizeOf(batch);
    const input = inputs[index] as Float32Array;
    const passBack = async (run: (downstream: Float32Array, from: Float32Array) => Promise<void>): Promise<void> => {
      signal.throwIfAborted();
      const from = upstream[index] as Float32Array;
      const downstream = pool.take(input.length);
      await run(downstream, from);
      pool.give(from);
      upstream[index] = downstream;
    };
    const { ffn: ffnGradients, attention: attentionGradients } = gradients;
    if (ffn.kind === 'ffn' && ffnGradients !== undefined) {
      const [copy = input] = copyStates(walk, [input]);
      const middle = await runForward(walk, attention, size, copy);
      await passBack((downstream, from) =>
        backward.ffn(ffn.weights, { size, input: middle, upstream: from, downstream, share }, ffnGradients),
      );
      pool.give(middle);
    }
    if (attention.kind === 'attention' && attentionGradients !== undefined) {
      await passBack((downstream, from) =>
        backward.attention(attention, { size, input, upstream: from, downstream, share }, attentionGradients),
      );
    }
    meter.back(1 / batches.length);
  }
  return { layer, halves, gradients };
}

function createAttentionGradients(half: ReadyHalf): MatrixGradients<AttentionMatrix> | undefined {
  if (half.kind !== 'attention') return undefined;
  const { query, key, value, output } = half.weights;
  return createMatrixGradients({ query: query.length, key: key.length, value: value.length, output: output.length });
}

function createFfnGradients(half: ReadyHalf): MatrixGradients<FfnMatrix> | undefined {
  if (half.kind !== 'ffn') return undefined;
  const { gate, up, down } = half.weights;
  return createMatrixGradients({ gate: gate.length, up: up.length, down: down.length });
}

function sizeOf({ sequences, length }: SequenceBatch): BatchSize {
  return { count: sequences.length, length };
}
