import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { identityRanking } from '../../../src/core/model/units.js';
import type { Breathe, Compensation } from '../../../src/core/ports/compensation.js';
import { fitLeastSquares, fitStream } from '../../../src/engine/compensation/fit-least-squares.js';
import type { Calibration, LanguageModel, RankedRecipe } from '../../../src/engine/language-model.js';
import leastSquares from '../../../src/plugins/compensations/least-squares.js';
import { calibrationSequences, evaluationWindows } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { multiplyTransposed } from '../../../src/plugins/testing/multiply-transposed.js';

describe('fitStream', () => {
  it('leaves the weights between the fit to the stream and the old weights, worked out by hand', async () => {
    // One row: X^T X / tokens = 4, lambda = 0.25 * 4 = 1, (4 + 1) w = 10 + 1 * 5.
    const fitted = await fitStream(
      {
        kind: 'output',
        weights: Float32Array.of(5),
        rows: 1,
        columns: 1,
        gram: Float64Array.of(4),
        product: Float64Array.of(10),
        multiplyTransposed,
      },
      0.25,
    );
    expect([...fitted]).toEqual([3]);
  });
});

describe('a long fit', () => {
  const size = 300;
  const rows = Array.from({ length: size }, (_, row) => row);
  const identity = (): Float64Array => Float64Array.from(rows.flatMap((row) => rows.map((at) => (at === row ? 1 : 0))));
  const streamed = (breathe: Breathe) =>
    fitStream(
      {
        kind: 'output',
        weights: new Float32Array(size),
        rows: size,
        columns: 1,
        gram: identity(),
        product: new Float64Array(size),
        multiplyTransposed,
        breathe,
      },
      0.01,
    );
  const oneShot = (breathe: Breathe) =>
    fitLeastSquares(
      {
        weights: new Float32Array(size),
        rows: size,
        hidden: 1,
        gram: identity(),
        multiplyTransposed,
        breathe,
      },
      { damping: 0.01, constant: 'none' },
    );

  it.each([
    ['on the stream', streamed],
    ['in one shot', oneShot],
  ])('%s tells how far it is, block by block up to all of it, and ends when it may not go on', async (_, fit) => {
    const shares: number[] = [];
    await fit(async (share) => void shares.push(share));
    expect(shares.length).toBeGreaterThanOrEqual(6);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBeCloseTo(1, 12);
    let breaths = 0;
    const breathe = async () => {
      if (++breaths === 3) throw new Error('enough');
    };
    await expect(fit(breathe)).rejects.toThrow('enough');
    expect(breaths).toBe(3);
  });
});

describe('least-squares {fit: stream}', () => {
  it('gives each of several architectures its own weights, the same as alone', async () => {
    await withModel(DEMO_DIRECTORY, async (model) => {
      const subject = model.subject(
        streamRecipe(model, await model.calibrate(calibrationSequences.slice(0, 8), ['gram'], unattended)),
      );
      const keep = (ffnChannels: number): Architecture => model.shape.layers.map((own) => ({ ...own, ffnChannels }));
      const measure = async (architectures: readonly Architecture[]): Promise<Float64Array[]> => {
        const losses: Float64Array[] = [];
        for await (const { index, losses: own } of subject.observe(
          architectures,
          { sequences: evaluationWindows.slice(0, 4) },
          unattended,
        ))
          losses[index] = own;
        return losses;
      };
      const together = await measure([keep(90), keep(30)]);
      expect(together).toEqual([...(await measure([keep(90)])), ...(await measure([keep(30)]))]);
      expect(together[0]).not.toEqual(together[1]);
    });
  });

  it('gives the same weights whether the hidden states are in memory or on disk', async () => {
    const many = Array.from({ length: 10 }, () => calibrationSequences).flat();
    const measure = (memoryBudgetBytes: number): Promise<Float64Array[]> =>
      withModel(
        DEMO_DIRECTORY,
        async (model) => {
          const subject = model.subject(streamRecipe(model, await model.calibrate(many, ['gram'], unattended)));
          const architectures = [100, 60].map(
            (ffnChannels): Architecture => model.shape.layers.map((own) => ({ ...own, ffnChannels })),
          );
          const losses: Float64Array[] = [];
          for await (const { index, losses: own } of subject.observe(
            architectures,
            { sequences: evaluationWindows.slice(0, 2) },
            unattended,
          ))
            losses[index] = own;
          return losses;
        },
        { memoryBudgetBytes },
      );
    // The hidden states of three models, the dense one included.
    const bytes = 3 * many.reduce((sum, { length }) => sum + length, 0) * 64 * 4;
    const whole = await measure(2 ** 30);
    expect(await measure(SMALL + bytes / 2)).toEqual(whole);
    expect(await measure(SMALL)).toEqual(whole);
  });
});

/** Little more than one layer needs on these sequences. */
const SMALL = 25 * 2 ** 20;

function streamRecipe(model: LanguageModel, calibration: Calibration): RankedRecipe {
  const moduleUrl = new URL('../../../src/plugins/compensations/least-squares.js', import.meta.url);
  return {
    ranking: identityRanking(model.shape.layers),
    compensation: {
      plugin: leastSquares as Compensation,
      options: { damping: 0.01, fit: 'stream', refit: 'pruned' },
      calibration,
      moduleUrl,
    },
  };
}
