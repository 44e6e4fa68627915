import { afterAll, describe, expect, it } from 'vitest';
import { createGraphBuilder } from '../../../src/engine/graph/graph-builder.js';
import { createLinearMaps } from '../../../src/engine/graph/linear-maps.js';
import { createSessionPool } from '../../../src/engine/graph/session-pool.js';
import { hasVnni } from '../../support/cpu.js';

const sessions = createSessionPool({ threads: 1 });
afterAll(() => sessions.close());

/** [rows, inner] times 8-bit weights [inner, columns]. */
async function multiply(
  values: readonly number[],
  weights: readonly number[],
  scales: readonly number[],
): Promise<number[]> {
  const [inner, columns] = [weights.length / scales.length, scales.length];
  const rows = values.length / inner;
  const product = new Float32Array(rows * columns);
  await sessions.run(
    'maps',
    () => {
      const graph = createGraphBuilder('maps');
      const maps = createLinearMaps(graph, 'int8');
      const operand = maps.operand(graph.input('values', [1, 'rows', 'inner']));
      graph.output(
        'product',
        maps.finish(operand.times({ name: 'weights', inner: 'inner', columns: 'columns', layout: 'columns-first' })),
        [1, 'rows', 'columns'],
      );
      return graph.encode();
    },
    {
      values: { values: Float32Array.from(values), dimensions: [1, rows, inner] },
      weights: { values: Int8Array.from(weights), dimensions: [inner, columns] },
      weights_scales: { values: Float32Array.from(scales), dimensions: [columns] },
    },
    { product: { values: product, dimensions: [1, rows, columns] } },
  );
  return [...product];
}

describe.skipIf(!hasVnni)('createLinearMaps in 8 bits', () => {
  it('rounds every row to its own 127 steps and sums exactly', async () => {
    // Row 1 in steps of 2: -127.2 is -63.6 steps, to -64. Row 2 in steps of 10. Row 3 is zero.
    const found = await multiply([254, -127.2, 1270, 634, 0, 0], [127, -127, 10, 127], [0.5, 1]);
    const expected = [
      2 * 0.5 * (127 * 127 + -64 * 10),
      2 * (127 * -127 + -64 * 127),
      10 * 0.5 * (127 * 127 + 63 * 10),
      10 * (127 * -127 + 63 * 127),
      0,
      0,
    ];
    found.forEach((value, at) => expect(value / (expected[at] || 1)).toBeCloseTo(expected[at] === 0 ? 0 : 1, 5));
  });
});
