import type { Precision } from '../../core/measurement.js';
import type { ModelConfig } from '../config/config.js';
import { buildAttentionGraph, buildHeadsGraph } from '../graph/attention-graph.js';
import { buildBiasGraph } from '../graph/bias-graph.js';
import { buildContextGraph, countQueryBlocks } from '../graph/causal-attention.js';
import { buildFfnGraph } from '../graph/ffn-graph.js';
import {
  buildHeadComparisonGraph,
  buildHeadLossGraph,
  buildHeadPartGraph,
  buildLogitsGraph,
} from '../graph/head-graph.js';
import { buildOutputMapGraph } from '../graph/output-map-graph.js';
import type { GraphValue, SessionPool } from '../graph/session-pool.js';
import type { QuantisedMatrix } from '../quantisation/quantised-matrix.js';
import type { ReadyHalf } from '../weights/half-blocks.js';
import type { HeadWeights } from '../weights/head-reader.js';
import type { KeptHalf, MapPart } from '../weights/map-parts.js';
import { keepRotaryTables } from './rotary-tables.js';

/** Sizes of the hidden states that run together: [count, length, hidden]. */
export interface BatchSize {
  readonly count: number;
  readonly length: number;
}

/** A half-block or head, in the precision of its matrices. */
export type RunnableHalf = Exclude<ReadyHalf | ReadyHalf<QuantisedMatrix>, { kind: 'nothing' }>;
export type RunnableAttention = Extract<RunnableHalf, { kind: 'attention' }>;
export type RunnableHead = HeadWeights<Float32Array | QuantisedMatrix>;

/** Where tokens are in their sequences. */
export interface TokenPositions {
  readonly positions: BigInt64Array;
  /** Tokens of the longest of the sequences. */
  readonly longest: number;
}

/** What attention is computed of. */
export interface HeadValues {
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

/** Products of a half-block's input with some of its maps, [count, length, width], before their biases. */
export type InputProducts = Readonly<Partial<Record<MapPart, Float32Array>>>;

/** The scores that a model gives to some targets, one entry each. */
export interface TargetScores {
  /** Natural log. */
  readonly logLikelihoods: Float32Array;
  /** 1 if no token was more likely, otherwise 0. */
  readonly hits: Int32Array;
}

/** What a part of the vocabulary contributes to some rows, one entry each. */
export interface PartScores {
  /** The target's logit. */
  readonly target: Float32Array;
  /** The largest logit. */
  readonly most: Float32Array;
  /** Log of the sum of exp(logit). */
  readonly logSum: Float32Array;
}

/** What two models make of some rows in a part of the vocabulary. */
export interface PartComparison {
  /** KL(first || second) within the part, one entry each. */
  readonly divergence: Float32Array;
  /** Log of the sum of exp(logit), [2, rows]. */
  readonly logSum: Float32Array;
  /** The largest logit, [2, rows], and the first token that has it, counted from the part's first. */
  readonly most: Float32Array;
  readonly likeliest: Int32Array;
}

/**
 * Runs half-blocks and the head of one model, each with its compiled graph; results are written into the arrays given.
 */
export interface BlockRunner {
  /**
   * @param input hidden states before the half-block, [count, length, hidden]
   * @param output those after it; not the same array as `input`; undefined: not wanted
   * @param tap receives the inputs of o or down, [count, length, width]; undefined: not wanted
   */
  runHalf(
    half: RunnableHalf,
    size: BatchSize,
    input: Float32Array,
    output: Float32Array | undefined,
    tap?: Float32Array,
  ): Promise<void>;
  /** As `runHalf`; `products` receives those of q, k and v, or of gate and up, all of them. */
  runHalfKeeping(
    half: KeptHalf,
    size: BatchSize,
    input: Float32Array,
    output: Float32Array,
    products: InputProducts,
  ): Promise<void>;
  /**
   * The first part of an attention half-block, for tokens at any positions of sequences of at most `longest` tokens.
   *
   * @param input hidden states before the half-block, [tokens, hidden]
   * @param heads receive queries, keys and values, rotated, [tokens, heads * head_dim] each
   */
  runHeads(half: RunnableAttention, at: TokenPositions, input: Float32Array, heads: HeadValues): Promise<void>;
  /**
   * Its second part, for tokens that follow each other: the inputs of o.
   *
   * @param heads `key` and `value` of all tokens up to the last of these, `query` of these
   * @param attended receives [tokens, query heads * head_dim]
   */
  attend(half: RunnableAttention, heads: HeadValues, attended: Float32Array): Promise<void>;
  /**
   * The end of a half-block whose inputs of o or, in float32, of down are known: the output that `runHalf` gives.
   */
  runOutputMap(
    map: { readonly weights: Float32Array | QuantisedMatrix; readonly bias: Float32Array | undefined },
    size: BatchSize,
    known: { readonly input: Float32Array; readonly tap: Float32Array },
    output: Float32Array,
  ): Promise<void>;
  /** Scores `targets[i]` after row i of `rows`, [targets.length, hidden]. */
  scoreTargets(weights: RunnableHead, rows: Float32Array, targets: Int32Array, scores: TargetScores): Promise<void>;
  /** As `scoreTargets`, with a part of the head; targets are counted from its first token. */
  scorePart(weights: RunnableHead, rows: Float32Array, targets: Int32Array, scores: PartScores): Promise<void>;
  /** Compares the predictions of two models, with a part of the head or all of it; `rows` is [2, rows, hidden]. */
  comparePart(weights: RunnableHead, rows: Float32Array, compared: PartComparison): Promise<void>;
  /** `logits` is [rows, tokens of the head or its part]. */
  computeLogits(weights: RunnableHead, rows: Float32Array, logits: Float32Array): Promise<void>;
}

/** What a half-block is to write, beside or instead of the hidden states after it. */
interface HalfOutputs {
  readonly output: Float32Array | undefined;
  readonly tap?: Float32Array | undefined;
  readonly products?: InputProducts;
}

export function createBlockRunner(config: ModelConfig, sessions: SessionPool): BlockRunner {
  const { hidden, headDim, biases, queryKeyNorms } = config.shape;
  const { rmsNormEpsilon } = config;
  const rotaryTables = keepRotaryTables(config.rope, headDim);

  const headsInputs = ({ weights }: RunnableAttention, length: number): Record<string, GraphValue> => {
    const { cos, sin, positions } = rotaryTables(length);
    return {
      norm: vector(weights.norm),
      ...matrix('query', weights.query, hidden),
      ...matrix('key', weights.key, hidden),
      ...matrix('value', weights.value, hidden),
      cos: { values: cos, dimensions: [positions, headDim / 2] },
      sin: { values: sin, dimensions: [positions, headDim / 2] },
      ...optionalVectors({
        query_bias: weights.queryBias,
        key_bias: weights.keyBias,
        value_bias: weights.valueBias,
        query_norm: weights.queryNorm,
        key_norm: weights.keyNorm,
      }),
    };
  };

  const runAttention = (
    half: RunnableAttention,
    { count, length }: BatchSize,
    input: Float32Array,
    { output, tap, products }: HalfOutputs,
  ) => {
    const { weights, queryHeads, kvHeads } = half;
    const slidingWindow = reachedWindow(half.slidingWindow, length);
    const queryBlocks = countQueryBlocks(length);
    const outputBias = weights.outputBias !== undefined;
    const beside = products === undefined ? 'residual' : 'residual-and-products';
    const outputs = tap === undefined ? beside : output === undefined ? 'context' : 'residual-and-context';
    const precision = precisionOf(weights.query);
    const states = [count, length, hidden];
    return sessions.run(
      `attention:${precision}:${queryHeads}:${kvHeads}:${outputBias}:${slidingWindow}:${queryBlocks}:${outputs}`,
      () =>
        buildAttentionGraph({
          precision,
          queryHeads,
          kvHeads,
          headDim,
          rmsNormEpsilon,
          queryKeyValueBias: biases.queryKeyValue,
          outputBias,
          queryKeyNorms,
          slidingWindow,
          queryBlocks,
          outputs,
        }),
      {
        hidden: { values: input, dimensions: states },
        ...headsInputs(half, length),
        ...(output === undefined ? {} : matrix('output', weights.output, hidden)),
        ...optionalVectors({ output_bias: output === undefined ? undefined : weights.outputBias }),
      },
      {
        ...(output === undefined ? {} : { residual: { values: output, dimensions: states } }),
        ...(tap === undefined ? {} : { context: { values: tap, dimensions: [count, length, queryHeads * headDim] } }),
        ...describeProducts(products, { count, length }),
      },
    );
  };

  const runFfn = (
    { weights, channels }: Extract<RunnableHalf, { kind: 'ffn' }>,
    { count, length }: BatchSize,
    input: Float32Array,
    { output, tap, products }: HalfOutputs,
  ) => {
    const outputBias = weights.downBias !== undefined;
    const beside = products === undefined ? 'residual' : 'residual-and-products';
    const outputs = tap === undefined ? beside : output === undefined ? 'channels' : 'residual-and-channels';
    const precision = precisionOf(weights.gate);
    const states = [count, length, hidden];
    return sessions.run(
      `ffn:${precision}:${outputBias}:${outputs}`,
      () => buildFfnGraph({ precision, rmsNormEpsilon, inputBias: biases.ffn, outputBias, outputs }),
      {
        hidden: { values: input, dimensions: states },
        norm: vector(weights.norm),
        ...matrix('gate', weights.gate, hidden),
        ...matrix('up', weights.up, hidden),
        ...(output === undefined ? {} : matrix('down', weights.down, hidden)),
        ...optionalVectors({
          gate_bias: weights.gateBias,
          up_bias: weights.upBias,
          down_bias: output === undefined ? undefined : weights.downBias,
        }),
      },
      {
        ...(output === undefined ? {} : { residual: { values: output, dimensions: states } }),
        ...(tap === undefined ? {} : { channels: { values: tap, dimensions: [count, length, channels] } }),
        ...describeProducts(products, { count, length }),
      },
    );
  };

  const headInputs = ({ norm, head }: RunnableHead, rows: Float32Array): Record<string, GraphValue> => ({
    hidden: { values: rows, dimensions: [rows.length / hidden, hidden] },
    norm: vector(norm),
    ...matrix('head', head, hidden),
  });

  return {
    runHalf: (half, size, input, output, tap) => {
      if (half.kind === 'attention') return runAttention(half, size, input, { output, tap });
      if (half.kind === 'ffn') return runFfn(half, size, input, { output, tap });
      if (output === undefined) throw new RangeError('a half-block that only adds a bias has no other output');
      const dimensions = [size.count, size.length, hidden];
      return sessions.run(
        'bias',
        buildBiasGraph,
        { hidden: { values: input, dimensions }, bias: vector(half.bias) },
        { residual: { values: output, dimensions } },
      );
    },
    runHalfKeeping: (half, size, input, output, products) =>
      half.kind === 'attention'
        ? runAttention(half, size, input, { output, products })
        : runFfn(half, size, input, { output, products }),
    runHeads: (half, { positions, longest }, input, { query, key, value }) => {
      const { weights, queryHeads, kvHeads } = half;
      const precision = precisionOf(weights.query);
      const values = (array: Float32Array, heads: number): GraphValue => ({
        values: array,
        dimensions: [positions.length, 1, heads * headDim],
      });
      return sessions.run(
        `heads:${precision}`,
        () =>
          buildHeadsGraph({
            precision,
            headDim,
            rmsNormEpsilon,
            queryKeyValueBias: biases.queryKeyValue,
            queryKeyNorms,
          }),
        {
          hidden: { values: input, dimensions: [positions.length, 1, hidden] },
          positions: { values: positions, dimensions: [positions.length, 1] },
          ...headsInputs(half, longest),
        },
        { queries: values(query, queryHeads), keys: values(key, kvHeads), values: values(value, kvHeads) },
      );
    },
    attend: ({ queryHeads, kvHeads, slidingWindow: window }, { query, key, value }, attended) => {
      const length = query.length / (queryHeads * headDim);
      const context = key.length / (kvHeads * headDim);
      const slidingWindow = reachedWindow(window, context);
      const queryBlocks = countQueryBlocks(length);
      const queries = [1, length, kvHeads, queryHeads / kvHeads, headDim];
      const before = [1, context, kvHeads, 1, headDim];
      return sessions.run(
        `context:${slidingWindow}:${queryBlocks}`,
        () => buildContextGraph({ headDim, slidingWindow, queryBlocks }),
        {
          query: { values: query, dimensions: queries },
          key: { values: key, dimensions: before },
          value: { values: value, dimensions: before },
        },
        { attended: { values: attended, dimensions: queries } },
      );
    },
    runOutputMap: ({ weights, bias }, { count, length }, { input, tap }, output) => {
      const dimensions = [count, length, hidden];
      const precision = precisionOf(weights);
      return sessions.run(
        `output-map:${precision}:${bias !== undefined}`,
        () => buildOutputMapGraph({ precision, bias: bias !== undefined }),
        {
          hidden: { values: input, dimensions },
          inputs: { values: tap, dimensions: [count, length, tap.length / (count * length)] },
          ...matrix('map', weights, hidden),
          ...optionalVectors({ bias }),
        },
        { residual: { values: output, dimensions } },
      );
    },
    scoreTargets: (weights, rows, targets, { logLikelihoods, hits }) => {
      const dimensions = [targets.length, 1];
      return sessions.run(
        `head-loss:${precisionOf(weights.head)}`,
        () => buildHeadLossGraph({ precision: precisionOf(weights.head), rmsNormEpsilon }),
        { ...headInputs(weights, rows), targets: { values: targets, dimensions } },
        { log_likelihood: { values: logLikelihoods, dimensions }, hit: { values: hits, dimensions } },
      );
    },
    scorePart: (weights, rows, targets, { target, most, logSum }) => {
      const dimensions = [targets.length, 1];
      return sessions.run(
        `head-part:${precisionOf(weights.head)}`,
        () => buildHeadPartGraph({ precision: precisionOf(weights.head), rmsNormEpsilon }),
        { ...headInputs(weights, rows), targets: { values: targets, dimensions } },
        {
          target: { values: target, dimensions },
          most: { values: most, dimensions },
          log_sum: { values: logSum, dimensions },
        },
      );
    },
    comparePart: (weights, rows, { divergence, logSum, most, likeliest }) => {
      const count = divergence.length;
      const both = [2, count, 1];
      return sessions.run(
        `head-comparison:${precisionOf(weights.head)}`,
        () => buildHeadComparisonGraph({ precision: precisionOf(weights.head), rmsNormEpsilon }),
        { ...headInputs(weights, rows), hidden: { values: rows, dimensions: [2, count, hidden] } },
        {
          divergence: { values: divergence, dimensions: [count, 1] },
          log_sum: { values: logSum, dimensions: both },
          most: { values: most, dimensions: both },
          likeliest: { values: likeliest, dimensions: both },
        },
      );
    },
    computeLogits: (weights, rows, logits) =>
      sessions.run(
        `logits:${precisionOf(weights.head)}`,
        () => buildLogitsGraph({ precision: precisionOf(weights.head), rmsNormEpsilon }),
        headInputs(weights, rows),
        { logits: { values: logits, dimensions: [rows.length / hidden, (logits.length * hidden) / rows.length] } },
      ),
  };
}

/** The sliding window if a sequence of this many tokens exceeds it; undefined if the plain graph is enough. */
export function reachedWindow(slidingWindow: number | undefined, length: number): number | undefined {
  return slidingWindow !== undefined && length > slidingWindow ? slidingWindow : undefined;
}

/** The values of a graph for these products, one for each: `<part>_product`. */
export function describeProducts(
  products: InputProducts | undefined,
  { count, length }: BatchSize,
): Record<string, GraphValue> {
  return Object.fromEntries(
    Object.entries(products ?? {}).map(([part, values]) => [
      `${part}_product`,
      { values, dimensions: [count, length, values.length / (count * length)] },
    ]),
  );
}

function precisionOf(matrix: Float32Array | QuantisedMatrix): Precision {
  return matrix instanceof Float32Array ? 'float32' : 'int8';
}

/** A matrix with rows of `hidden`, or a quantised one with its scales. */
function matrix(name: string, weights: Float32Array | QuantisedMatrix, hidden: number): Record<string, GraphValue> {
  if (weights instanceof Float32Array)
    return { [name]: { values: weights, dimensions: [weights.length / hidden, hidden] } };
  const { values, scales } = weights;
  return {
    [name]: { values, dimensions: [values.length / scales.length, scales.length] },
    [`${name}_scales`]: vector(scales),
  };
}

function vector(values: Float32Array): GraphValue {
  return { values, dimensions: [values.length] };
}

function optionalVectors(vectors: Readonly<Record<string, Float32Array | undefined>>): Record<string, GraphValue> {
  return Object.fromEntries(
    Object.entries(vectors).flatMap(([name, values]) => (values === undefined ? [] : [[name, vector(values)]])),
  );
}
