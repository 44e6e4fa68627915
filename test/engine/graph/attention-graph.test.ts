import { afterAll, describe, expect, it } from 'vitest';
import { buildAttentionGraph } from '../../../src/engine/graph/attention-graph.js';
import { countQueryBlocks } from '../../../src/engine/graph/causal-attention.js';
import { createSessionPool } from '../../../src/engine/graph/session-pool.js';
import { createRng } from '../../../src/core/random.js';

const sessions = createSessionPool({ threads: 1 });
afterAll(() => sessions.close());

const HIDDEN = 10;
const COUNT = 2;
const EPSILON = 1e-5;

describe('countQueryBlocks', () => {
  it('gives short sequences one block and long ones eight, none of them empty', () => {
    expect([1, 32, 33, 64, 65, 128, 129, 256, 257, 100_000].map(countQueryBlocks)).toEqual([
      1, 1, 2, 2, 4, 4, 8, 8, 8, 8,
    ]);
  });
});

describe('buildAttentionGraph', () => {
  it.each([
    { length: 1, headDim: 8, kvHeads: 2, perGroup: 2 },
    ...[
      { headDim: 8, kvHeads: 2, perGroup: 2 },
      { headDim: 8, kvHeads: 3, perGroup: 1 },
      { headDim: 6, kvHeads: 2, perGroup: 2 },
      { headDim: 6, kvHeads: 1, perGroup: 3 },
      { headDim: 20, kvHeads: 3, perGroup: 1 },
      ...[1, 2, 4, 6, 7, 8].map((slidingWindow) => ({ headDim: 6, kvHeads: 2, perGroup: 2, slidingWindow })),
    ].map((heads) => ({ length: 7, ...heads })),
    // Two, four and eight blocks of queries, not all of the same length; windows within and across blocks.
    ...[33, 101, 131].flatMap((length) =>
      [undefined, 1, 15, 40, length - 1].map((slidingWindow) => ({
        length,
        headDim: 8,
        kvHeads: 2,
        perGroup: 2,
        slidingWindow,
      })),
    ),
  ])(
    'computes causal grouped-query attention over $length tokens with heads of $headDim, $kvHeads groups of $perGroup, a sliding window of $slidingWindow',
    async ({
      length,
      headDim,
      kvHeads,
      perGroup,
      slidingWindow,
    }: {
      length: number;
      headDim: number;
      kvHeads: number;
      perGroup: number;
      slidingWindow?: number | undefined;
    }) => {
      const queryHeads = kvHeads * perGroup;
      const rng = createRng(headDim + kvHeads);
      const fill = (size: number): Float32Array => Float32Array.from({ length: size }, () => rng.uniform() - 0.5);
      const weights = {
        hidden: fill(COUNT * length * HIDDEN),
        norm: fill(HIDDEN),
        query: fill(queryHeads * headDim * HIDDEN),
        key: fill(kvHeads * headDim * HIDDEN),
        value: fill(kvHeads * headDim * HIDDEN),
        output: fill(queryHeads * headDim * HIDDEN),
      };
      const angles = Array.from({ length: (length * headDim) / 2 }, () => 6 * rng.uniform());
      const matrix = (values: Float32Array) => ({ values, dimensions: [values.length / HIDDEN, HIDDEN] });
      const table = (of: (angle: number) => number) => ({
        values: Float32Array.from(angles, of),
        dimensions: [length, headDim / 2],
      });
      const residual = new Float32Array(weights.hidden.length);
      await sessions.run(
        `${countQueryBlocks(length)}:${headDim}:${queryHeads}:${kvHeads}:${slidingWindow}`,
        () =>
          buildAttentionGraph({
            precision: 'float32',
            queryHeads,
            kvHeads,
            headDim,
            rmsNormEpsilon: EPSILON,
            queryKeyValueBias: false,
            outputBias: false,
            queryKeyNorms: false,
            slidingWindow,
            queryBlocks: countQueryBlocks(length),
            outputs: 'residual',
          }),
        {
          hidden: { values: weights.hidden, dimensions: [COUNT, length, HIDDEN] },
          norm: { values: weights.norm, dimensions: [HIDDEN] },
          query: matrix(weights.query),
          key: matrix(weights.key),
          value: matrix(weights.value),
          output: matrix(weights.output),
          cos: table(Math.cos),
          sin: table(Math.sin),
        },
        { residual: { values: residual, dimensions: [COUNT, length, HIDDEN] } },
      );
      const expected = computeByHand(weights, { length, headDim, kvHeads, perGroup, angles, slidingWindow });
      expect(Math.max(...expected.map((value, index) => Math.abs(value - (residual[index] ?? NaN))))).toBeLessThan(
        1e-5,
      );
    },
  );
});

interface Block {
  readonly hidden: Float32Array;
  readonly norm: Float32Array;
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
  readonly output: Float32Array;
}

/**
 * The formulas, one number at a time, in float64: softmax(q k^T / sqrt(head_dim)) v over the past, rotary halves
 * paired.
 */
function computeByHand(
  block: Block,
  {
    length,
    headDim,
    kvHeads,
    perGroup,
    angles,
    slidingWindow = Infinity,
  }: {
    length: number;
    headDim: number;
    kvHeads: number;
    perGroup: number;
    angles: readonly number[];
    slidingWindow?: number | undefined;
  },
): number[] {
  const half = headDim / 2;
  const rotate = (vectors: number[][]): number[][] =>
    vectors.map((x, t) =>
      x.map((value, d) => {
        const angle = at(angles, t * half + (d % half));
        return value * Math.cos(angle) + (d < half ? -at(x, d + half) : at(x, d - half)) * Math.sin(angle);
      }),
    );
  return Array.from({ length: COUNT }, (_, sequence) => {
    const rows = Array.from({ length: length }, (__, t) =>
      Array.from(block.hidden.subarray((sequence * length + t) * HIDDEN, (sequence * length + t + 1) * HIDDEN)),
    );
    const normed = rows.map((row) => {
      const scale = 1 / Math.sqrt(row.reduce((sum, x) => sum + x * x, 0) / HIDDEN + EPSILON);
      return row.map((x, i) => x * scale * at(block.norm, i));
    });
    const project = (weights: Float32Array, head: number): number[][] =>
      normed.map((row) =>
        Array.from({ length: headDim }, (__, d) =>
          row.reduce((sum, x, i) => sum + x * at(weights, (head * headDim + d) * HIDDEN + i), 0),
        ),
      );
    const result = rows.map((row) => [...row]);
    for (let head = 0; head < kvHeads * perGroup; head++) {
      const group = Math.floor(head / perGroup);
      const [q, k, v] = [
        rotate(project(block.query, head)),
        rotate(project(block.key, group)),
        project(block.value, group),
      ];
      result.forEach((row, t) => {
        const weights = k
          .slice(0, t + 1)
          .map(
            (key, u) =>
              (t - u >= slidingWindow ? 0 : 1) *
              Math.exp(key.reduce((sum, x, d) => sum + x * at(q[t] ?? [], d), 0) / Math.sqrt(headDim)),
          );
        const total = weights.reduce((sum, w) => sum + w, 0);
        for (let d = 0; d < headDim; d++) {
          const context = weights.reduce((sum, w, u) => sum + (w / total) * at(v[u] ?? [], d), 0);
          row.forEach((x, i) => {
            row[i] = x + context * at(block.output, (head * headDim + d) * HIDDEN + i);
          });
        }
      });
    }
    return result.flat();
  }).flat();
}

function at(values: Float32Array | readonly number[], index: number): number {
  return values[index] ?? NaN;
}
