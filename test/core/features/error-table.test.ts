import { describe, expect, it } from 'vitest';
import { addErrorColumns, addErrors, type ErrorTable } from '../../../src/core/features/error-table.js';

const TABLES: readonly ErrorTable[] = [
  { dimension: 'b', errors: Float32Array.of(1, 0.5, 0.25, 0.125, 0) }, // of 4
  { dimension: 'a', errors: Float32Array.of(1, 0.75, 0) }, // of 2
];

describe('addErrors', () => {
  it('looks errors up at the kept count of each rate, and adds them up', () => {
    const { rates, columns } = addErrors(
      { rates: Float32Array.of(0.5, 0.25, 0.9, 0, 1, 0.6), columns: 3 },
      ['a', 'c', 'b'],
      TABLES,
    );
    expect(columns).toBe(6);
    // a: 1 of 2 kept, b: 0.9 keeps 1 of 4 at least; then a dropped, b: 0.6 keeps floor(1.6 + 0.5) = 2 of 4
    expect([...rates]).toEqual([...Float32Array.of(0.5, 0.25, 0.9, 0.5, 0.75, 1.25, 0, 1, 0.6, 0.25, 0, 0.25)]);
  });

  it('finds every count again from its rate in float32', () => {
    const size = 1536;
    const table = { dimension: 'a', errors: Float32Array.from({ length: size + 1 }, (_, kept) => kept) };
    const rates = Float32Array.from({ length: size + 1 }, (_, kept) => 1 - kept / size);
    const { rates: widened } = addErrors({ rates, columns: 1 }, ['a'], [table]);
    expect(Array.from(rates, (_, row) => widened[3 * row + 1])).toEqual([...table.errors]);
  });

  it('leaves a batch without tables as it is', () => {
    const batch = { rates: Float32Array.of(0.5), columns: 1 };
    expect(addErrors(batch, ['a'], [])).toBe(batch);
  });
});

describe('addErrorColumns', () => {
  it('names the columns', () => {
    const pairs = { dimensions: ['a', 'b'], rates: Float32Array.of(0, 0), targets: Float64Array.of(1) };
    expect(addErrorColumns(pairs, TABLES).dimensions).toEqual(['a', 'b', 'errors.b', 'errors.a', 'errors.sum']);
  });
});
