import { createGraphBuilder } from './graph-builder.js';
import type { GraphValue, SessionPool } from './session-pool.js';

/** What a CPU does with products in 8 bits. */
export interface Int8Check {
  /**
   * Whether products of extreme values come out as in integer arithmetic; without VNNI some kernels saturate at 16
   * bits.
   */
  readonly exact: boolean;
  /** Time of a float32 product divided by the time of the same product in 8 bits. */
  readonly speedup: number;
}

/** Whether labels may be measured in 8 bits on such a CPU. */
export function isInt8Offered({ exact, speedup }: Int8Check): boolean {
  return exact && speedup > 1;
}

/**
 * Tries the product that every 8-bit map consists of, uint8 x int8. Takes some ten milliseconds; works best with
 * sessions of one thread.
 */
export async function measureInt8(sessions: SessionPool): Promise<Int8Check> {
  return { exact: await isExact(sessions), speedup: await measureSpeedup(sessions) };
}

interface Size {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

/** Odd sizes, so that the edges of the kernels are used; the sums stay below 2^24, which float32 holds exactly. */
const TESTED: Size = { rows: 33, inner: 500, columns: 83 };

async function isExact(sessions: SessionPool): Promise<boolean> {
  const { rows, inner, columns } = TESTED;
  // The first row and columns have only extreme values, so that neighbouring products add up; the rest is mixed.
  const values = Uint8Array.from({ length: rows * inner }, (_, at) =>
    at < inner ? 255 : scatter(at, 2) === 0 ? 255 : scatter(at, 256),
  );
  const weights = Int8Array.from({ length: inner * columns }, (_, at) =>
    at % columns < 2 ? 127 - 254 * (at % columns) : scatter(at, 3) === 0 ? -127 : scatter(at, 255) - 127,
  );
  const product = new Float32Array(rows * columns);
  await runInt8(sessions, TESTED, values, weights, product);
  return product.every((value, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let i = 0; i < inner; i++)
      sum += ((values[row * inner + i] as number) - ZERO_POINT) * (weights[i * columns + column] as number);
    return value === sum;
  });
}

/** Half a millisecond in float32: short enough that some rounds are undisturbed, however busy the machine is. */
const TIMED: Size = { rows: 128, inner: 512, columns: 512 };
const ROUNDS = 30;

async function measureSpeedup(sessions: SessionPool): Promise<number> {
  const { rows, inner, columns } = TIMED;
  const product = new Float32Array(rows * columns);
  const [a, b] = [new Float32Array(rows * inner).fill(1), new Float32Array(inner * columns).fill(1)];
  const [values, weights] = [new Uint8Array(rows * inner).fill(1), new Int8Array(inner * columns).fill(1)];
  const times = { float32: Infinity, int8: Infinity };
  const time = async (kind: keyof typeof times, run: () => Promise<void>): Promise<void> => {
    const started = performance.now();
    await run();
    times[kind] = Math.min(times[kind], performance.now() - started); // other work can only slow a run down
  };
  for (let round = 0; round < ROUNDS; round++) {
    await time('float32', () =>
      sessions.run(
        'int8-check:float32',
        () => buildProduct('float32'),
        {
          a: { values: a, dimensions: [rows, inner] },
          b: { values: b, dimensions: [inner, columns] },
        },
        { product: { values: product, dimensions: [rows, columns] } },
      ),
    );
    await time('int8', () => runInt8(sessions, TIMED, values, weights, product));
  }
  return times.float32 / times.int8;
}

function runInt8(
  sessions: SessionPool,
  { rows, inner, columns }: Size,
  values: Uint8Array,
  weights: Int8Array,
  product: Float32Array,
): Promise<void> {
  const inputs: Record<string, GraphValue> = {
    a: { values, dimensions: [rows, inner] },
    b: { values: weights, dimensions: [inner, columns] },
    scales: { values: new Float32Array(columns).fill(1), dimensions: [columns] },
  };
  return sessions.run('int8-check:int8', () => buildProduct('int8'), inputs, {
    product: { values: product, dimensions: [rows, columns] },
  });
}

function buildProduct(precision: 'float32' | 'int8'): Uint8Array {
  const graph = createGraphBuilder('int8_check');
  const a = graph.input('a', ['rows', 'inner'], precision === 'int8' ? 'uint8' : 'float32');
  const b = graph.input('b', ['inner', 'columns'], precision);
  const product =
    precision === 'float32'
      ? graph.node('MatMul', [a, b])
      : graph.node(
          'MatMulIntegerToFloat',
          [a, b, graph.floats([1]), graph.input('scales', ['columns']), graph.integers([ZERO_POINT], 'uint8')],
          { domain: 'com.microsoft' },
        );
  graph.output('product', product, ['rows', 'columns']);
  return graph.encode();
}

const ZERO_POINT = 128;

/** 0 to `range` - 1, pseudo-random. */
function scatter(at: number, range: number): number {
  return (Math.imul(at + 1, 0x9e3779b1) >>> 8) % range;
}
