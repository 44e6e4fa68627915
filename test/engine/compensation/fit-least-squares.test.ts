import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import { fitLeastSquares } from '../../../src/engine/compensation/fit-least-squares.js';
import { multiplyTransposed } from '../../../src/plugins/testing/multiply-transposed.js';

const [TOKENS, ROWS, HIDDEN, DAMPING] = [40, 6, 3, 0.01];
const rng = createRng(7);
const inputs = Float64Array.from({ length: TOKENS * ROWS }, () => rng.uniform() - 0.3);
const weights = Float32Array.from({ length: ROWS * HIDDEN }, () => rng.uniform() - 0.5);

function gramOfInputs(): Float64Array {
  return Float64Array.from({ length: ROWS * ROWS }, (_, at) => {
    let sum = 0;
    for (let token = 0; token < TOKENS; token++)
      sum += (inputs[token * ROWS + Math.floor(at / ROWS)] ?? 0) * (inputs[token * ROWS + (at % ROWS)] ?? 0);
    return sum / TOKENS;
  });
}

function meanOfInputs(): Float64Array {
  return Float64Array.from({ length: ROWS }, (_, row) => {
    let sum = 0;
    for (let token = 0; token < TOKENS; token++) sum += inputs[token * ROWS + row] ?? 0;
    return sum / TOKENS;
  });
}

/** ||X W - X_k W'||^2 / tokens + lambda ||W - [W'; 0]||^2, computed directly from the inputs. */
function directError(compensated: Float32Array, width: number, bias: Float32Array = new Float32Array(HIDDEN)): number {
  const gram = gramOfInputs();
  const lambda =
    (DAMPING *
      Array.from({ length: ROWS }, (_, row) => gram[row * ROWS + row] ?? 0).reduce((sum, value) => sum + value, 0)) /
    ROWS;
  const lost = Array.from(weights, (weight, at) => weight - (at < width * HIDDEN ? (compensated[at] ?? 0) : 0));
  let error = lambda * lost.reduce((sum, value) => sum + value * value, 0);
  for (let token = 0; token < TOKENS; token++) {
    for (let column = 0; column < HIDDEN; column++) {
      let output = -(bias[column] ?? 0);
      for (let row = 0; row < ROWS; row++)
        output += (inputs[token * ROWS + row] ?? 0) * (lost[row * HIDDEN + column] ?? 0);
      error += (output * output) / TOKENS;
    }
  }
  return error;
}

function half() {
  return { weights, rows: ROWS, hidden: HIDDEN, gram: gramOfInputs(), multiplyTransposed };
}

describe('fitLeastSquares', () => {
  it.each(['none', 'first'] as const)(
    'leaves the weights as they are if all inputs are 0 (constant: %s)',
    async (constant) => {
      const still = { ...half(), gram: new Float64Array(ROWS * ROWS), mean: new Float64Array(ROWS) };
      const prepared = await fitLeastSquares(still, { damping: DAMPING, constant });
      const { weights: kept, bias } = await prepared.compensate(2);
      expect([...kept]).toEqual([...weights.subarray(0, 2 * HIDDEN)].map((weight) => expect.closeTo(weight, 6)));
      expect([...(bias ?? [])]).toEqual(constant === 'first' ? [0, 0, 0] : []);
    },
  );

  it.each([1, 2, 3, 4, 5])('leaves the error that it reports, damping included, with %i rows kept', async (width) => {
    const prepared = await fitLeastSquares(half(), { damping: DAMPING, constant: 'none' });
    const { weights: compensated, bias } = await prepared.compensate(width);
    expect(bias).toBeUndefined();
    expect(compensated).toHaveLength(width * HIDDEN);
    expect(prepared.error?.(width)).toBeCloseTo(directError(compensated, width), 6);
  });

  it('is a minimum: any other weights leave a larger error', async () => {
    const prepared = await fitLeastSquares(half(), { damping: DAMPING, constant: 'none' });
    const { weights: compensated } = await prepared.compensate(3);
    const least = directError(compensated, 3);
    for (let at = 0; at < compensated.length; at++) {
      for (const step of [-0.01, 0.01])
        expect(
          directError(
            compensated.map((value, index) => (index === at ? value + step : value)),
            3,
          ),
        ).toBeGreaterThan(least);
    }
    expect(directError(weights.subarray(0, 3 * HIDDEN), 3)).toBeGreaterThan(least);
  });

  it.each([0, 2, 5])(
    'fits a bias beside %i kept rows that no other bias improves on, and reports the error',
    async (width) => {
      const prepared = await fitLeastSquares(
        { ...half(), mean: meanOfInputs() },
        { damping: DAMPING, constant: 'first' },
      );
      const { weights: compensated, bias = new Float32Array() } = await prepared.compensate(width);
      const least = directError(compensated, width, bias);
      expect(prepared.error?.(width)).toBeCloseTo(least, 6);
      for (let at = 0; at < HIDDEN; at++) {
        for (const step of [-0.01, 0.01])
          expect(
            directError(
              compensated,
              width,
              bias.map((value, index) => (index === at ? value + step : value)),
            ),
          ).toBeGreaterThan(least);
      }
    },
  );

  it('has nothing to compensate if all rows are kept', async () => {
    const prepared = await fitLeastSquares(half(), { damping: DAMPING, constant: 'none' });
    const { weights: compensated } = await prepared.compensate(ROWS);
    compensated.forEach((value, at) => expect(value).toBeCloseTo(weights[at] ?? NaN, 5));
    expect(prepared.error?.(ROWS)).toBe(0);
  });
});
