import type { Breathe } from '../../core/ports/compensation.js';
import type { TrainingPlan } from '../../core/ports/recovery.js';
import type { ModelConfig } from '../config/config.js';
import type { BatchSize, BlockRunner, InputProducts } from '../forward/block-runner.js';
import { embedBatches, type StatePool } from '../forward/hidden-states.js';
import { countHeadRows } from '../forward/score-spans.js';
import { batchSequences, type SequenceBatch } from '../../core/sequence-batches.js';
import type { BackwardRunner, BackwardStep } from '../gradients/backward-runner.js';
import { listSteps, type RankedWeights, type ReadyHalf } from '../weights/half-blocks.js';
import type { HeadWeights } from '../weights/head-reader.js';
import type { EmbeddingTable } from '../weights/token-tables.js';
import { isKept, type KeptHalf, type MapPart } from '../weights/map-parts.js';
import { chooseKept, giveProducts, takeProducts } from './kept-products.js';
import { createLayerErrors } from './layer-errors.js';
import { listMatrices, type TrainedHalf } from './trained-halves.js';

export interface DistillationContext {
  readonly config: ModelConfig;
  readonly runner: BlockRunner;
  readonly backward: BackwardRunner;
  /** Lends hidden states, and products that are kept. */
  readonly pool: StatePool;
  /** Lends gradients, which are of as many lengths as half-blocks are. */
  readonly gradientPool: StatePool;
  readonly embedding: EmbeddingTable;
  readonly head: () => Promise<HeadWeights>;
  /** The unpruned model. */
  readonly teacher: RankedWeights;
  readonly loss: TrainingPlan['loss'];
  /** Most bytes of products that are kept for the backward pass. */
  readonly productBytes: number;
}

/**
 * Receives the gradients of a half-block's matrices, valid until it ends; it may change the weights, which are not
 * needed any more.
 */
export type HalfUpdate = (half: TrainedHalf, gradients: Readonly<Record<string, Float32Array>>) => Promise<void>;

/**
 * The distillation loss of a pruned model on some sequences, the mean over all their predictions, with the layers' own
 * errors (`createLayerErrors`), and its gradients: half-block by half-block from the last to the first, one half-block's
 * gradients at a time. The inputs of all half-blocks are in memory meanwhile, the teacher's states after each layer if
 * they count, and products inside as far as `productBytes` allows; all else is computed again.
 *
 * @param sequences each of at least 2 tokens
 * @param breathe is told how much of the step is done, and lets a cancel through
 * @returns the loss before `update` changed anything
 */
export async function runDistillationStep(
  context: DistillationContext,
  halves: readonly TrainedHalf[],
  sequences: readonly Int32Array[],
  update: HalfUpdate,
  breathe: Breathe,
): Promise<number> {
  const { backward, pool, gradientPool, config } = context;
  const { layers } = config.shape;
  const wrapped = sequences.map((tokens) => ({ tokens }));
  const batches = batchSequences(wrapped);
  const teaching = listSteps(layers);
  // The way back takes as long as two ways forward.
  const passes = batches.length * (teaching.length + 3 * halves.length);
  let done = 0;
  const pass = (more: number): Promise<void> => breathe(Math.min(1, (done += more) / passes));
  const embed = () => embedBatches(context.embedding, batches, wrapped, pool);

  const layerErrors = createLayerErrors(context.loss.layerErrors ?? 0, layers.length, pool);
  const taught = await embed();
  for (const step of teaching) {
    const half = await context.teacher.prepare(step);
    for (const [index, batch] of batches.entries()) {
      await pass(1);
      taught[index] = await runForward(context, half, sizeOf(batch), taught[index] as Float32Array, 'given-back');
    }
    if (step.half === 'ffn') layerErrors.teach(step.layer, taught);
  }

  const states = await embed();
  const inputs: Float32Array[][] = [];
  const products: InputProducts[][] = [];
  const kept = chooseKept(
    halves,
    sequences.reduce((sum, { length }) => sum + length, 0),
    context.productBytes,
  );
  for (const trained of halves) {
    const { half } = trained;
    inputs.push([...states]);
    const own: InputProducts[] = [];
    products.push(own);
    for (const [index, batch] of batches.entries()) {
      await pass(1);
      const [size, input] = [sizeOf(batch), states[index] as Float32Array];
      if (isKept(half) && kept.has(trained)) {
        const output = pool.take(input.length);
        own[index] = takeProducts(pool, half, size);
        await context.runner.runHalfKeeping(half, size, input, output, own[index]);
        states[index] = output;
      } else states[index] = await runForward(context, half, size, input, 'kept');
    }
  }

  const predictions = sequences.reduce((sum, { length }) => sum + length - 1, 0);
  let loss = 0;
  const upstream: Float32Array[] = [];
  for (const [index, batch] of batches.entries()) {
    const rows = { states: states[index] as Float32Array, taught: taught[index] as Float32Array };
    const passed = await passHeadBack(context, { batch, sequences, predictions }, rows, () => pass(0));
    loss += passed.loss;
    upstream.push(passed.upstream);
    pool.give(rows.taught);
  }
  loss += layerErrors.passBack(layers.length - 1, states, upstream);
  releaseOwn(pool, states, inputs.at(-1));

  for (const [fromLast, trained] of halves.toReversed().entries()) {
    const { half } = trained;
    const place = halves.length - 1 - fromLast;
    const [own = [], before] = [inputs[place], inputs[place - 1]];
    const ownProducts = products.pop() ?? [];
    const gradients = isKept(half) ? takeGradients(gradientPool, half) : undefined;
    if (isKept(half) && gradients !== undefined)
      for (const [index, batch] of batches.entries()) {
        await pass(2);
        const from = upstream[index] as Float32Array;
        const downstream = pool.take(from.length);
        const step = {
          size: sizeOf(batch),
          input: own[index] as Float32Array,
          upstream: from,
          downstream,
          share: 1,
          products: ownProducts[index],
          first: index === 0,
        };
        await passBack(backward, half, step, gradients);
        pool.give(from);
        giveProducts(pool, ownProducts[index]);
        upstream[index] = downstream;
      }
    // The input of an attention half-block is the output of the layer before.
    if (place % 2 === 0) loss += layerErrors.passBack(place / 2 - 1, own, upstream);
    releaseOwn(pool, own, before);
    if (gradients !== undefined) {
      await update(trained, gradients);
      Object.values(gradients).forEach((array) => gradientPool.give(array));
    }
  }
  upstream.forEach((array) => pool.give(array));
  return loss;
}

/** Gives back the arrays of some states that those before do not share. */
function releaseOwn(pool: StatePool, states: readonly Float32Array[], before: readonly Float32Array[] = []): void {
  states.forEach((array, index) => {
    if (array !== before[index]) pool.give(array);
  });
}

/** @param input whether the input array is given back once the output is known */
async function runForward(
  { runner, pool }: DistillationContext,
  half: ReadyHalf,
  size: BatchSize,
  states: Float32Array,
  input: 'kept' | 'given-back',
): Promise<Float32Array> {
  if (half.kind === 'nothing') return states;
  const output = pool.take(states.length);
  await runner.runHalf(half, size, states, output);
  if (input === 'given-back') pool.give(states);
  return output;
}

/** An array for the gradient of each matrix, with whatever is in it. */
function takeGradients(pool: StatePool, half: KeptHalf): Record<MapPart, Float32Array> {
  const arrays = listMatrices(half).map(([part, { length }]) => [part, pool.take(length)] as const);
  return Object.fromEntries(arrays) as Record<MapPart, Float32Array>;
}

function passBack(
  backward: BackwardRunner,
  half: KeptHalf,
  step: BackwardStep,
  gradients: Record<MapPart, Float32Array>,
): Promise<void> {
  return half.kind === 'attention'
    ? backward.attention(half, step, { gradients })
    : backward.ffn(half.weights, step, { gradients });
}

/** The sum of a batch's losses, each divided by the number of predictions, and its derivative by the last states. */
async function passHeadBack(
  { config, head, backward, loss, pool }: DistillationContext,
  {
    batch: { length, sequences: inBatch },
    sequences,
    predictions,
  }: { readonly batch: SequenceBatch; readonly sequences: readonly Int32Array[]; readonly predictions: number },
  { states, taught }: { readonly states: Float32Array; readonly taught: Float32Array },
  breathe: () => Promise<void>,
): Promise<{ readonly loss: number; readonly upstream: Float32Array }> {
  const { hidden, vocabulary } = config.shape;
  const weights = await head();
  const targets = BigInt64Array.from(
    inBatch.flatMap((place) => [...(sequences[place]?.subarray(1) ?? []), 0]),
    BigInt,
  );
  // The last token predicts nothing.
  const shares = Float32Array.from(targets, (_, row) => (row % length === length - 1 ? 0 : 1 / predictions));
  const upstream = pool.take(states.length);
  const rowsPerRun = countHeadRows(vocabulary);
  let sum = 0;
  for (let from = 0; from < targets.length; from += rowsPerRun) {
    await breathe();
    const to = Math.min(from + rowsPerRun, targets.length);
    const losses = new Float32Array(to - from);
    const downstream = await backward.distillation(
      weights,
      {
        rows: states.subarray(from * hidden, to * hidden),
        teacher: taught.subarray(from * hidden, to * hidden),
        targets: targets.subarray(from, to),
        shares: shares.subarray(from, to),
        losses,
      },
      loss,
    );
    upstream.set(downstream, from * hidden);
    losses.forEach((value, row) => {
      sum += value * (shares[from + row] as number);
    });
  }
  return { loss: sum, upstream };
}

function sizeOf({ sequences, length }: SequenceBatch): BatchSize {
  return { count: sequences.length, length };
}
