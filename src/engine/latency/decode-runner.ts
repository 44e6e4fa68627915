import type { ModelConfig } from '../config/config.js';
import type { BlockRunner } from '../forward/block-runner.js';
import { keepRotaryTables } from '../forward/rotary-tables.js';
import { buildDecodeAttentionGraph } from '../graph/decode-attention-graph.js';
import type { GraphValue, SessionPool } from '../graph/session-pool.js';
import type { ReadyHalf } from '../weights/half-blocks.js';

/**
 * Keys and values of the tokens before, [kv_heads, context, head_dim] each; longer arrays are read from their start.
 * With a sliding window, only the last window - 1 tokens are kept.
 */
export interface KeyValueCache {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** The token's own keys and values, [kv_heads, head_dim] each. */
export type AddedKeyValues = KeyValueCache;

/** Runs half-blocks for one token after `context` others, as generation does. */
export interface DecodeRunner {
  /**
   * @param input the token's hidden state before the half-block, [hidden]
   * @param output the one after it; not the same array as `input`
   * @param added receives the token's own keys and values; undefined: not wanted
   */
  runHalf(
    half: Exclude<ReadyHalf, { kind: 'nothing' }>,
    cache: KeyValueCache,
    context: number,
    input: Float32Array,
    output: Float32Array,
    added?: AddedKeyValues,
  ): Promise<void>;
}

export function createDecodeRunner(
  config: ModelConfig,
  sessions: SessionPool,
  runner: Pick<BlockRunner, 'runHalf'>,
): DecodeRunner {
  const { hidden, headDim, biases, queryKeyNorms } = config.shape;
  const { rmsNormEpsilon } = config;
  const rotaryTables = keepRotaryTables(config.rope, headDim);
  return {
    runHalf: (half, cache, context, input, output, added) => {
      if (half.kind !== 'attention') return runner.runHalf(half, { count: 1, length: 1 }, input, output);
      const { weights, queryHeads, kvHeads, slidingWindow = Infinity } = half;
      const kept = Math.min(context, slidingWindow - 1);
      const { cos, sin, positions } = rotaryTables(context + 1);
      const outputBias = weights.outputBias !== undefined;
      const past = kept === 0 ? 'none' : 'some';
      const matrix = (values: Float32Array): GraphValue => ({ values, dimensions: [values.length / hidden, hidden] });
      const before = (values: Float32Array): GraphValue => ({
        values: values.subarray(0, kvHeads * kept * headDim),
        dimensions: [kvHeads, kept, headDim],
      });
      const one = (values: Float32Array | undefined): GraphValue => ({
        values: values ?? new Float32Array(kvHeads * headDim),
        dimensions: [kvHeads, 1, headDim],
      });
      return sessions.run(
        `decode:${queryHeads}:${kvHeads}:${outputBias}:${past}`,
        () =>
          buildDecodeAttentionGraph({
            queryHeads,
            kvHeads,
            headDim,
            rmsNormEpsilon,
            queryKeyValueBias: biases.queryKeyValue,
            outputBias,
            queryKeyNorms,
            past,
          }),
        {
          hidden: { values: input, dimensions: [1, 1, hidden] },
          norm: vector(weights.norm),
          query: matrix(weights.query),
          key: matrix(weights.key),
          value: matrix(weights.value),
          output: matrix(weights.output),
          cos: { values: cos, dimensions: [positions, headDim / 2] },
          sin: { values: sin, dimensions: [positions, headDim / 2] },
          position: { values: BigInt64Array.of(BigInt(context)), dimensions: [1] },
          ...optionalVectors({
            query_bias: weights.queryBias,
            key_bias: weights.keyBias,
            value_bias: weights.valueBias,
            output_bias: weights.outputBias,
            query_norm: weights.queryNorm,
            key_norm: weights.keyNorm,
          }),
          ...(past === 'none' ? {} : { past_key: before(cache.keys), past_value: before(cache.values) }),
        },
        {
          residual: { values: output, dimensions: [1, 1, hidden] },
          key_added: one(added?.keys),
          value_added: one(added?.values),
        },
      );
    },
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
