import { describe, expect, it } from 'vitest';
import { quantiseMatrix } from '../../../src/engine/quantisation/quantised-matrix.js';
import { takeColumns, takeInner } from '../../../src/engine/quantisation/quantised-matrix.js';

/** Two inner rows, three columns: largest magnitudes 127, 254 and 0. */
const INNER_FIRST = Float32Array.of(127, -127, 0, -63.4, 254, 0);
const COLUMNS_FIRST = Float32Array.of(127, -63.4, -127, 254, 0, 0);

describe('quantiseMatrix', () => {
  it.each([
    ['inner-first', INNER_FIRST],
    ['columns-first', COLUMNS_FIRST],
  ] as const)('scales each column by its own largest magnitude: %s', (layout, matrix) => {
    const { values, scales } = quantiseMatrix(matrix, 3, layout);
    // Steps of 1 and 2: -127 is -63.5 steps of 2, a tie, which goes to the even -64.
    expect([...values]).toEqual([127, -64, 0, -63, 127, 0]);
    expect([...scales]).toEqual([1, 2, 0]);
  });
});

describe('takeColumns', () => {
  it('keeps the first columns of every row and pads with zeros', () => {
    const matrix = { values: Int8Array.of(1, 2, 3, 4, 5, 6), scales: Float32Array.of(7, 8, 9) };
    expect(takeColumns(matrix, 2)).toEqual({ values: Int8Array.of(1, 2, 4, 5), scales: Float32Array.of(7, 8) });
    expect(takeColumns(matrix, 1, 3)).toEqual({
      values: Int8Array.of(1, 0, 0, 4, 0, 0),
      scales: Float32Array.of(7, 0, 0),
    });
  });
});

describe('takeInner', () => {
  it('is a view of the first rows, their columns scaled as before', () => {
    const matrix = { values: Int8Array.of(1, 2, 3, 4), scales: Float32Array.of(7, 8) };
    const taken = takeInner(matrix, 1);
    expect(taken).toEqual({ values: Int8Array.of(1, 2), scales: matrix.scales });
    expect(taken.values.buffer).toBe(matrix.values.buffer);
  });
});
