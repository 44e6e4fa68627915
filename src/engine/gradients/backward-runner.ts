import type { ModelConfig } from '../config/config.js';
import { describeProducts, reachedWindow, type BatchSize, type InputProducts } from '../forward/block-runner.js';
import type { StatePool } from '../forward/hidden-states.js';
import { keepRotaryTables } from '../forward/rotary-tables.js';
import { buildAttentionVjpGraph } from '../graph/attention-vjp-graph.js';
import { buildFfnVjpGraph } from '../graph/ffn-vjp-graph.js';
import { buildDistillationVjpGraph, type DistillationLoss } from '../graph/distillation-vjp-graph.js';
import { buildHeadVjpGraph } from '../graph/head-vjp-graph.js';
import type { GraphValue, SessionPool } from '../graph/session-pool.js';
import type { GradientOutputs, ProductSource } from '../graph/vjp-parts.js';
import type { ReadyHalf } from '../weights/half-blocks.js';
import type { HeadWeights } from '../weights/head-reader.js';
import type { AttentionWeights, FfnWeights } from '../weights/layer-weights.js';
import type { AttentionMatrix, FfnMatrix, MatrixGradients, MatrixSums } from './layer-gradients.js';

/** The backward pass of one half-block on one batch of sequences. */
export interface BackwardStep {
  readonly size: BatchSize;
  /** Hidden states before the half-block, [count, length, hidden]. */
  readonly input: Float32Array;
  /** Derivative of each sequence's loss with respect to the hidden states after the half-block. */
  readonly upstream: Float32Array;
  /** Receives the derivative with respect to `input`; not the same array as `upstream`. */
  readonly downstream: Float32Array;
  /** 1 / number of sequences in all batches. */
  readonly share: number;
  /** What the forward pass has kept of this half-block; computed again if missing. */
  readonly products?: InputProducts | undefined;
  /** The gradients replace those of `into`, whatever they are; only with a share of 1 and without squares. */
  readonly first?: boolean;
}

/**
 * Runs the vector-Jacobian products of half-blocks and the head; gradients times the step's share are added to `into`,
 * and squares only if it has them.
 */
export interface BackwardRunner {
  attention(
    half: Extract<ReadyHalf, { kind: 'attention' }>,
    step: BackwardStep,
    into: MatrixSums<AttentionMatrix> | MatrixGradients<AttentionMatrix>,
  ): Promise<void>;
  ffn(weights: FfnWeights, step: BackwardStep, into: MatrixSums<FfnMatrix> | MatrixGradients<FfnMatrix>): Promise<void>;
  /**
   * Derivative of the loss with respect to `rows`, [targets.length, hidden], where row i predicts `targets[i]` and
   * counts `shares[i]`.
   */
  head(weights: HeadWeights, rows: Float32Array, targets: BigInt64Array, shares: Float32Array): Promise<Float32Array>;
  /**
   * The same for the loss of `buildDistillationVjpGraph`; `losses` receives that of each row, whatever its share.
   */
  distillation(weights: HeadWeights, rows: DistilledRows, loss: DistillationLoss): Promise<Float32Array>;
}

/** Rows that are to predict what a teacher predicts. */
export interface DistilledRows {
  /** [targets.length, hidden] */
  readonly rows: Float32Array;
  /** The teacher's, [targets.length, hidden]. */
  readonly teacher: Float32Array;
  readonly targets: BigInt64Array;
  readonly shares: Float32Array;
  /** Receives the loss of each row. */
  readonly losses: Float32Array;
}

/** @param pool lends the arrays for one batch's gradients */
export function createBackwardRunner(config: ModelConfig, sessions: SessionPool, pool: StatePool): BackwardRunner {
  const { hidden, headDim, biases, queryKeyNorms, vocabulary } = config.shape;
  const { rmsNormEpsilon } = config;
  const rotaryTables = keepRotaryTables(config.rope, headDim);
  const matrix = (values: Float32Array): GraphValue => ({ values, dimensions: [values.length / hidden, hidden] });

  const run = async <Name extends string>(
    graph: {
      readonly key: string;
      readonly build: (outputs: GradientOutputs, products: ProductSource) => Uint8Array;
    },
    weights: Readonly<Record<string, GraphValue>>,
    { size, input, upstream, downstream, share, products, first = false }: BackwardStep,
    into: MatrixSums<Name> | MatrixGradients<Name>,
  ): Promise<void> => {
    const dimensions = [size.count, size.length, hidden];
    const source = products === undefined ? 'computed' : 'given';
    const wanted: { readonly name: string; readonly sum: Float32Array; readonly found: Float32Array }[] = [];
    const want = (kind: 'sum' | 'squares', sums: Readonly<Record<string, Float32Array>>): void => {
      for (const [name, sum] of Object.entries(sums))
        wanted.push({ name: `${name}_${kind}`, sum, found: first ? sum : pool.take(sum.length) });
    };
    want('sum', into.gradients);
    if ('meanSquares' in into) want('squares', into.meanSquares);
    const outputs = 'meanSquares' in into ? 'sums-and-squares' : 'sums';
    await sessions.run(
      `${graph.key}:${outputs}:${source}`,
      () => graph.build(outputs, source),
      {
        ...weights,
        ...describeProducts(products, size),
        hidden: { values: input, dimensions },
        upstream: { values: upstream, dimensions },
      },
      {
        ...Object.fromEntries(wanted.map(({ name, found }) => [name, matrix(found)])),
        downstream: { values: downstream, dimensions },
      },
    );
    if (first) return;
    for (const { sum, found } of wanted) {
      addScaled(sum, found, share);
      pool.give(found);
    }
  };

  return {
    attention: ({ weights, queryHeads, kvHeads, slidingWindow: window }, step, into) => {
      const slidingWindow = reachedWindow(window, step.size.length);
      const { cos, sin, positions } = rotaryTables(step.size.length);
      const key = `attention-vjp:${queryHeads}:${kvHeads}:${slidingWindow}`;
      const build = (outputs: GradientOutputs, products: ProductSource): Uint8Array =>
        buildAttentionVjpGraph({
          outputs,
          products,
          queryHeads,
          kvHeads,
          headDim,
          rmsNormEpsilon,
          queryKeyValueBias: biases.queryKeyValue,
          queryKeyNorms,
          slidingWindow,
        });
      return run(
        { key, build },
        {
          ...describeAttention(weights, matrix),
          cos: { values: cos, dimensions: [positions, headDim / 2] },
          sin: { values: sin, dimensions: [positions, headDim / 2] },
        },
        step,
        into,
      );
    },
    ffn: (weights, step, into) =>
      run(
        {
          key: 'ffn-vjp',
          build: (outputs, products) => buildFfnVjpGraph({ rmsNormEpsilon, inputBias: biases.ffn, outputs, products }),
        },
        {
          norm: vector(weights.norm),
          gate: matrix(weights.gate),
          up: matrix(weights.up),
          down: matrix(weights.down),
          ...optionalVectors({ gate_bias: weights.gateBias, up_bias: weights.upBias }),
        },
        step,
        into,
      ),
    head: async ({ norm, head }, rows, targets, shares) => {
      const downstream = new Float32Array(rows.length);
      const dimensions = [targets.length, hidden];
      await sessions.run(
        'head-vjp',
        () => buildHeadVjpGraph(rmsNormEpsilon),
        {
          hidden: { values: rows, dimensions },
          norm: vector(norm),
          head: { values: head, dimensions: [vocabulary, hidden] },
          targets: { values: targets, dimensions: [targets.length] },
          shares: { values: shares, dimensions: [targets.length, 1] },
        },
        { downstream: { values: downstream, dimensions } },
      );
      return downstream;
    },
    distillation: async ({ norm, head }, { rows, teacher, targets, shares, losses }, loss) => {
      const downstream = new Float32Array(rows.length);
      const dimensions = [targets.length, hidden];
      await sessions.run(
        `distillation-vjp:${loss.temperature}:${loss.crossEntropy}`,
        () => buildDistillationVjpGraph({ ...loss, rmsNormEpsilon }),
        {
          hidden: { values: rows, dimensions },
          teacher: { values: teacher, dimensions },
          norm: vector(norm),
          head: { values: head, dimensions: [vocabulary, hidden] },
          targets: { values: targets, dimensions: [targets.length] },
          shares: { values: shares, dimensions: [targets.length, 1] },
        },
        {
          downstream: { values: downstream, dimensions },
          losses: { values: losses, dimensions: [targets.length, 1] },
        },
      );
      return downstream;
    },
  };
}

function describeAttention(
  weights: AttentionWeights,
  matrix: (values: Float32Array) => GraphValue,
): Record<string, GraphValue> {
  return {
    norm: vector(weights.norm),
    query: matrix(weights.query),
    key: matrix(weights.key),
    value: matrix(weights.value),
    output: matrix(weights.output),
    ...optionalVectors({
      query_bias: weights.queryBias,
      key_bias: weights.keyBias,
      value_bias: weights.valueBias,
      query_norm: weights.queryNorm,
      key_norm: weights.keyNorm,
    }),
  };
}

function addScaled(into: Float32Array, values: Float32Array, factor: number): void {
  for (let index = 0; index < into.length; index++)
    into[index] = (into[index] as number) + (values[index] as number) * factor;
}

function vector(values: Float32Array): GraphValue {
  return { values, dimensions: [values.length] };
}

function optionalVectors(vectors: Readonly<Record<string, Float32Array | undefined>>): Record<string, GraphValue> {
  return Object.fromEntries(
    Object.entries(vectors).flatMap(([name, values]) => (values === undefined ? [] : [[name, vector(values)]])),
  );
}
