import { describe, expect, it } from 'vitest';
import { eliminateTogether } from '../../bench/obs/eliminate-together.js';
import { drawHalf } from '../../bench/obs/random-half.js';
import { eliminateUnits } from '../../src/engine/ranking/eliminate-units.js';
import { multiplyTransposed } from '../../src/plugins/testing/multiply-transposed.js';

const [ROWS, HIDDEN, DAMPING] = [24, 3, 0.01];
const draw = () => drawHalf(ROWS, HIDDEN, multiplyTransposed);

describe('eliminateTogether', () => {
  it('does what obs does if one row goes at a time', async () => {
    const expected = await eliminateUnits(await draw(), ROWS, DAMPING);
    const found = await eliminateTogether(await draw(), DAMPING, 1);
    found.forEach((error, row) => expect(error / (expected[row] ?? NaN)).toBeCloseTo(1, 8));
  });

  it('ends at the error of losing all, and has no smaller error than obs when the second row goes', async () => {
    const { gram, weights } = await draw();
    let [trace, all] = [0, 0];
    for (let row = 0; row < ROWS; row++) trace += gram[row * (ROWS + 1)] ?? NaN;
    for (let a = 0; a < ROWS; a++)
      for (let b = 0; b < ROWS; b++)
        for (let column = 0; column < HIDDEN; column++)
          all +=
            ((gram[a * ROWS + b] ?? NaN) + (a === b ? (DAMPING * trace) / ROWS : 0)) *
            (weights[a * HIDDEN + column] ?? NaN) *
            (weights[b * HIDDEN + column] ?? NaN);
    const exact = (await eliminateUnits(await draw(), ROWS, DAMPING)).sort();
    for (const together of [5, ROWS]) {
      const found = (await eliminateTogether(await draw(), DAMPING, together)).sort();
      expect((found.at(-1) ?? NaN) / all).toBeCloseTo(1, 8);
      expect(found[1]).toBeGreaterThanOrEqual((exact[1] ?? NaN) * (1 - 1e-9));
    }
  });
});
