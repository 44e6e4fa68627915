import { createGraphBuilder } from './graph-builder.js';
import type { SessionPool } from './session-pool.js';

/** Odd sizes, so that the edges of the kernels are used. */
const [ROWS, INNER, COLUMNS] = [5, 67, 19] as const;

/**
 * Whether ONNX Runtime multiplies two float32 matrices rightly: small whole numbers, whose products and sums float32
 * holds exactly. Throws what the library throws if it does not load.
 */
export async function checkProduct(sessions: SessionPool): Promise<boolean> {
  const a = Float32Array.from({ length: ROWS * INNER }, (_, at) => (at % 7) - 3);
  const b = Float32Array.from({ length: INNER * COLUMNS }, (_, at) => (at % 5) - 2);
  const product = new Float32Array(ROWS * COLUMNS);
  await sessions.run(
    'check-product',
    buildProduct,
    { a: { values: a, dimensions: [ROWS, INNER] }, b: { values: b, dimensions: [INNER, COLUMNS] } },
    { product: { values: product, dimensions: [ROWS, COLUMNS] } },
  );
  return product.every((value, at) => {
    const [row, column] = [Math.floor(at / COLUMNS), at % COLUMNS];
    let sum = 0;
    for (let i = 0; i < INNER; i += 1) sum += (a[row * INNER + i] ?? NaN) * (b[i * COLUMNS + column] ?? NaN);
    return value === sum;
  });
}

function buildProduct(): Uint8Array {
  const graph = createGraphBuilder('check_product');
  const product = graph.node('MatMul', [graph.input('a', ['rows', 'inner']), graph.input('b', ['inner', 'columns'])]);
  graph.output('product', product, ['rows', 'columns']);
  return graph.encode();
}
