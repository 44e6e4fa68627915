import { describe, expect, it } from 'vitest';
import type { Criterion, OutputColumn } from '../../../src/core/ports/criterion.js';
import { createRng } from '../../../src/core/random.js';
import activation from '../../../src/plugins/criteria/activation.js';
import fluctuation from '../../../src/plugins/criteria/fluctuation.js';
import wanda from '../../../src/plugins/criteria/wanda.js';

// A head of two columns, whose inputs have mean 2 and mean square 9, and mean -1 and mean square 4.
const columns: readonly OutputColumn[] = [
  { weights: Float32Array.of(1, -3), mean: 2, meanSquare: 9 },
  { weights: Float32Array.of(0, 2), mean: -1, meanSquare: 4 },
];

describe('criteria that look at what goes into a unit', () => {
  it.each([
    ['activation', activation as Criterion, 3 + 2], // sqrt 9 + sqrt 4
    ['wanda', wanda as Criterion, 4 * 3 + 2 * 2], // (1 + 3) sqrt 9 + (0 + 2) sqrt 4
    ['fluctuation', fluctuation as Criterion, 5 * 10 + 3 * 4], // (9 - 4)(1 + 9) + (4 - 1)(0 + 4)
  ])('%s adds up the columns of a head', (_, criterion, expected) => {
    expect(
      criterion.score({ layer: 0, kind: 'query_head', units: [{ weights: [], columns }], rng: createRng(0) }, {}),
    ).toEqual(Float32Array.of(expected));
  });
});
