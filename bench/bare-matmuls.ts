import type { ModelShape } from '../src/core/model/shape.js';
import { countHeadRows } from '../src/engine/forward/score-windows.js';
import { TOKENS_PER_RUN } from '../src/engine/forward/window-batches.js';
import { createGraphBuilder } from '../src/engine/graph/graph-builder.js';
import { createSessionPool, type GraphValue } from '../src/engine/graph/session-pool.js';

/** The products of one pass over some tokens, and nothing else. */
export interface BareMatmuls {
  /** Milliseconds that all linear maps of all layers and the head take for so many tokens. */
  measure(tokens: number): Promise<number>;
  close(): Promise<void>;
}

interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly layout: keyof typeof LAYOUTS;
  readonly weights: readonly GraphValue[];
  readonly input: GraphValue;
  readonly output: GraphValue;
}

/** How the weights lie: as checkpoints have them, or the other way round. Each product takes what is faster for it. */
const LAYOUTS = {
  plain: (rows: number, inner: number, columns: number) => {
    const graph = createGraphBuilder('matmul');
    graph.output('product', graph.node('MatMul', [graph.input('values', [rows, inner]), graph.input('weights', [inner, columns])]), [rows, columns]);
    return graph.encode();
  },
  transposed: (rows: number, inner: number, columns: number) => {
    const graph = createGraphBuilder('matmul');
    graph.output('product', graph.node('Gemm', [graph.input('values', [rows, inner]), graph.input('weights', [columns, inner])], { attributes: { transB: 1n } }), [rows, columns]);
    return graph.encode();
  },
} as const;

/** Copies of each matrix that take turns, so that no product finds its weights in the cache. */
const COPIES = 4;

/** Products as large as Evaluate's own, with weights given at run time as there. */
export async function prepareBareMatmuls(shape: ModelShape, threads: number): Promise<BareMatmuls> {
  const sessions = createSessionPool({ threads, capacity: 64 });
  const run = async ({ rows, inner, columns, layout, weights, input, output }: Product, turn: number): Promise<void> => {
    const matrix = weights[turn % weights.length] as GraphValue;
    await sessions.run(`${layout}:${rows}:${inner}:${columns}`, () => LAYOUTS[layout](rows, inner, columns), { values: input, weights: matrix }, { product: output });
  };
  const prepareProduct = async (rows: number, inner: number, columns: number): Promise<Product> => {
    const candidates = (['plain', 'transposed'] as const).map((layout): Product => ({
      rows,
      inner,
      columns,
      layout,
      weights: Array.from({ length: COPIES }, () => fill(layout === 'plain' ? [inner, columns] : [columns, inner])),
      input: fill([rows, inner]),
      output: fill([rows, columns]),
    }));
    const timed: { candidate: Product; ms: number }[] = [];
    for (const candidate of candidates) timed.push({ candidate, ms: await fastest(3, () => run(candidate, 0)) });
    return timed.reduce((best, other) => (other.ms < best.ms ? other : best)).candidate;
  };

  const known = new Map<string, Product>();
  const product = async (rows: number, inner: number, columns: number): Promise<Product> => {
    const key = `${rows}:${inner}:${columns}`;
    const found = known.get(key) ?? await prepareProduct(rows, inner, columns);
    known.set(key, found);
    return found;
  };
  const listProducts = async (): Promise<{ products: readonly Product[]; rows: number }[]> => {
    const { hidden, headDim } = shape;
    const layers: Product[] = [];
    for (const { kvHeads, queryHeadsPerKv, ffnChannels } of shape.layers) {
      const [heads, keyValue] = [kvHeads * queryHeadsPerKv * headDim, kvHeads * headDim];
      const sizes = [[hidden, heads], [hidden, keyValue], [hidden, keyValue], [heads, hidden], [hidden, ffnChannels], [hidden, ffnChannels], [ffnChannels, hidden]] as const;
      for (const [inner, columns] of sizes) layers.push(await product(TOKENS_PER_RUN, inner, columns));
    }
    const headRows = countHeadRows(shape.vocabulary);
    return [{ products: layers, rows: TOKENS_PER_RUN }, { products: [await product(headRows, hidden, shape.vocabulary)], rows: headRows }];
  };
  const parts = await listProducts();

  return {
    measure: async (tokens) => {
      let ms = 0;
      for (const { products, rows } of parts) {
        const times = Math.max(1, Math.round(tokens / rows));
        const started = performance.now();
        for (let time = 0; time < times; time++) for (const [turn, each] of products.entries()) await run(each, turn + time);
        ms += ((performance.now() - started) * tokens) / (times * rows);
      }
      return ms;
    },
    close: () => sessions.close(),
  };
}

/** The least milliseconds of some runs, after one that does not count. */
async function fastest(runs: number, work: () => Promise<void>): Promise<number> {
  await work();
  let least = Infinity;
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    await work();
    least = Math.min(least, performance.now() - started);
  }
  return least;
}

function fill(dimensions: readonly [number, number]): GraphValue {
  const values = new Float32Array(dimensions[0] * dimensions[1]);
  for (let i = 0; i < values.length; i++) values[i] = ((i * 48_271) % 65_537) / 65_537 - 0.5;
  return { values, dimensions };
}
