import type { LayerArchitecture, ModelShape } from '../src/core/model/shape.js';
import { countHeadRows } from '../src/engine/forward/score-spans.js';
import { TOKENS_PER_RUN } from '../src/core/sequence-batches.js';
import { createGraphBuilder } from '../src/engine/graph/graph-builder.js';
import { createSessionPool, type GraphValue, type SessionPool } from '../src/engine/graph/session-pool.js';

/** The products of one pass over some tokens, and nothing else. */
export interface BareMatmuls {
  /** Milliseconds of all linear maps of all layers and the head, for a number of tokens. */
  measure(tokens: number): Promise<number>;
  close(): Promise<void>;
}

/** [rows, inner] times [inner, columns]. */
interface Size {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

/** The layout of the weights: [inner, columns], or that of checkpoints. */
type Layout = 'plain' | 'transposed';

/** Products that run as one graph, as those of a layer do in Evaluate. */
interface Batch {
  readonly rows: number;
  run(): Promise<void>;
}

/**
 * Products as large as Evaluate's own, each in the layout that is faster for it, with weights given at run time as in
 * Evaluate.
 */
export async function prepareBareMatmuls(shape: ModelShape, threads: number): Promise<BareMatmuls> {
  const sessions = createSessionPool({ threads, capacity: 64 });
  const shared = new Map<string, GraphValue>();
  const layouts = new Map<string, Layout>();
  const chooseLayout = async (size: Size): Promise<Layout> => {
    const key = JSON.stringify(size);
    const known = layouts.get(key);
    if (known !== undefined) return known;
    const times: Record<Layout, number> = {
      plain: await timeFastest(sessions, size, 'plain'),
      transposed: await timeFastest(sessions, size, 'transposed'),
    };
    const chosen = times.plain < times.transposed ? 'plain' : 'transposed';
    layouts.set(key, chosen);
    return chosen;
  };
  const prepare = async (sizes: readonly Size[]): Promise<Batch> => {
    const products = [];
    for (const size of sizes) products.push({ size, layout: await chooseLayout(size) });
    return createBatch(sessions, shared, products);
  };

  const layers: Batch[] = [];
  for (const layer of shape.layers) layers.push(await prepare(listSizes(shape, layer)));
  const head = await prepare([
    { rows: countHeadRows(shape.vocabulary), inner: shape.hidden, columns: shape.vocabulary },
  ]);

  return {
    measure: async (tokens) => (await timeBatches(layers, tokens)) + (await timeBatches([head], tokens)),
    close: () => sessions.close(),
  };
}

function listSizes(
  { hidden, headDim }: ModelShape,
  { kvHeads, queryHeadsPerKv, ffnChannels }: LayerArchitecture,
): Size[] {
  const [heads, keyValue, rows] = [kvHeads * queryHeadsPerKv * headDim, kvHeads * headDim, TOKENS_PER_RUN];
  const pairs = [
    [hidden, heads],
    [hidden, keyValue],
    [hidden, keyValue],
    [heads, hidden],
    [hidden, ffnChannels],
    [hidden, ffnChannels],
    [ffnChannels, hidden],
  ] as const;
  return pairs
    .filter(([inner, columns]) => inner > 0 && columns > 0)
    .map(([inner, columns]) => ({ rows, inner, columns }));
}

/**
 * Every batch has its own weights, so that none finds them in the cache; `shared` holds inputs and outputs, which all
 * batches have in common.
 */
function createBatch(
  sessions: SessionPool,
  shared: Map<string, GraphValue>,
  products: readonly { readonly size: Size; readonly layout: Layout }[],
): Batch {
  const inputs: Record<string, GraphValue> = {};
  const outputs: Record<string, GraphValue> = {};
  products.forEach(({ size: { rows, inner, columns }, layout }, index) => {
    inputs[`values_${inner}`] = share(shared, `values_${inner}`, [rows, inner]);
    inputs[`weights_${index}`] = fill(layout === 'plain' ? [inner, columns] : [columns, inner]);
    outputs[`product_${index}`] = share(shared, `product_${index}`, [rows, columns]);
  });
  const build = (): Uint8Array => {
    const graph = createGraphBuilder('matmuls');
    for (const [name, { dimensions }] of Object.entries(inputs)) graph.input(name, dimensions);
    products.forEach(({ size: { rows, inner, columns }, layout }, index) => {
      const operands = [`values_${inner}`, `weights_${index}`];
      graph.output(
        `product_${index}`,
        layout === 'plain'
          ? graph.node('MatMul', operands)
          : graph.node('Gemm', operands, { attributes: { transB: 1n } }),
        [rows, columns],
      );
    });
    return graph.encode();
  };
  const key = JSON.stringify(products);
  return { rows: products[0]?.size.rows ?? 1, run: () => sessions.run(key, build, inputs, outputs) };
}

async function timeFastest(sessions: SessionPool, size: Size, layout: Layout): Promise<number> {
  const batch = createBatch(sessions, new Map(), [{ size, layout }]);
  const times: number[] = [];
  for (let run = 0; run < 4; run++) {
    const started = performance.now();
    await batch.run();
    times.push(performance.now() - started);
  }
  return Math.min(...times.slice(1)); // the first one compiles
}

/** Milliseconds for a number of tokens: whole runs, scaled to that number. */
async function timeBatches(batches: readonly Batch[], tokens: number): Promise<number> {
  const rows = batches[0]?.rows ?? 1;
  const times = Math.max(1, Math.round(tokens / rows));
  const started = performance.now();
  for (let time = 0; time < times; time++) for (const batch of batches) await batch.run();
  return ((performance.now() - started) * tokens) / (times * rows);
}

function share(shared: Map<string, GraphValue>, name: string, dimensions: readonly [number, number]): GraphValue {
  const key = `${name}:${dimensions.join(':')}`;
  const value = shared.get(key) ?? fill(dimensions);
  shared.set(key, value);
  return value;
}

function fill(dimensions: readonly [number, number]): GraphValue {
  const values = new Float32Array(dimensions[0] * dimensions[1]);
  for (let i = 0; i < values.length; i++) values[i] = ((i * 48_271) % 65_537) / 65_537 - 0.5;
  return { values, dimensions };
}
