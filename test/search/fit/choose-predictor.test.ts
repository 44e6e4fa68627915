import { describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import type { Reason } from '../../../src/core/errors/reasons.js';
import type { EncodingBatch, PairTable } from '../../../src/core/pairs.js';
import type { FittedPredictor } from '../../../src/core/ports/predictor.js';
import { createRng } from '../../../src/core/random.js';
import ridge from '../../../src/plugins/predictors/ridge.js';
import { choosePredictor, type PredictorBackend } from '../../../src/search/fit/choose-predictor.js';

const pairs = drawPairs(60);

describe('choosePredictor', () => {
  it('chooses the backend that ranks unseen pairs best, and reports all', async () => {
    const { chosen, scores } = await choosePredictor(
      pairs,
      [backendOf('plain', 'rates'), backendOf('curved', 'rates-and-squares')],
      { rng: createRng(1) },
    );
    expect(chosen).toBe('curved');
    expect(scores.map(({ id }) => id)).toEqual(['plain', 'curved']);
    const [plain, curved] = scores.map((score) => (score.tried ? score.quality : undefined));
    expect(curved?.kendallTau).toBeGreaterThan(plain?.kendallTau ?? 1);
    expect(curved).toMatchObject({ split: '5-fold', fitted: 48, heldOut: 60 });
  });

  it('is not fooled by a backend that knows its own pairs by heart', async () => {
    const { chosen, scores } = await choosePredictor(
      pairs,
      [{ ...LIMITS, id: 'parrot', fit: memorise }, backendOf('ridge', 'rates-and-squares')],
      { rng: createRng(1) },
    );
    expect(chosen).toBe('ridge');
    expect(scores[0]).toMatchObject({ id: 'parrot', quality: { r2: expect.closeTo(0, 0) as number } });
  });

  it('says why a backend was not tried', async () => {
    const few = { ...backendOf('greedy', 'rates'), pairs: { least: 49, most: 1000 } };
    const many = { ...backendOf('modest', 'rates'), pairs: { least: 2, most: 59 } };
    expect(await choosePredictor(pairs, [few, many], { rng: createRng(1) })).toEqual({
      chosen: undefined,
      scores: [
        { id: 'greedy', tried: false, reason: 'takes at least 49 pairs, and 5 folds of 60 leave 48' },
        { id: 'modest', tried: false, reason: 'takes at most 59 pairs, not 60' },
      ],
    });
  });

  it.each<Reason>(['PREDICTOR_FAILED', 'INVALID_OPTIONS'])(
    'continues without a backend that fails with %s',
    async (reason) => {
      const { chosen, scores } = await choosePredictor(pairs, [failing(reason), backendOf('plain', 'rates')], {
        rng: createRng(1),
      });
      expect(chosen).toBe('plain');
      expect(scores[0]).toEqual({ id: 'broken', tried: false, reason: 'out of luck' });
    },
  );

  it('does not continue after a cancel', async () => {
    await expect(
      choosePredictor(pairs, [failing('CANCELLED'), backendOf('plain', 'rates')], { rng: createRng(1) }),
    ).rejects.toMatchObject({ reason: 'CANCELLED' });
  });

  it('leaves out a backend that was fitted elsewhere, as it may know the pairs by heart', async () => {
    const { chosen, scores } = await choosePredictor(
      pairs,
      [{ ...LIMITS, id: 'knows-all', learns: 'elsewhere', fit: () => memorise(pairs) }, backendOf('plain', 'rates')],
      { rng: createRng(1) },
    );
    expect(chosen).toBe('plain');
    expect(scores[0]).toEqual({
      id: 'knows-all',
      tried: false,
      reason: 'was fitted elsewhere, maybe on these pairs: name it in place of a choice',
    });
  });

  it('releases the predictor of every fold', async () => {
    const released: FittedPredictor[] = [];
    await choosePredictor(pairs, [{ ...backendOf('ridge', 'rates'), release: (fitted) => released.push(fitted) }], {
      rng: createRng(1),
      folds: 4,
    });
    expect(new Set(released).size).toBe(4);
  });
});

const LIMITS = { pairs: { least: 3, most: 1000 } };

function failing(reason: Reason): PredictorBackend {
  return { ...LIMITS, id: 'broken', fit: () => Promise.reject(new PrunecastError(reason, 'out of luck')) };
}

function backendOf(id: string, features: 'rates' | 'rates-and-squares'): PredictorBackend {
  return { ...LIMITS, id, fit: (table) => ridge.fit(table, { features }, 0) };
}

/** The label of a row that it was fitted on, and the mean label of any other. */
function memorise({ dimensions, rates, targets }: PairTable): Promise<FittedPredictor> {
  const columns = dimensions.length;
  const known = new Map([...targets].map((target, row) => [rowKey({ rates, columns }, row), target]));
  const mean = targets.reduce((sum, target) => sum + target, 0) / targets.length;
  return Promise.resolve({
    predict: (batch) =>
      Promise.resolve({
        mean: Float64Array.from(
          { length: batch.rates.length / columns },
          (_, row) => known.get(rowKey(batch, row)) ?? mean,
        ),
      }),
    save: () => new Uint8Array(),
  });
}

function rowKey({ rates, columns }: EncodingBatch, row: number): string {
  return rates.subarray(row * columns, (row + 1) * columns).join(' ');
}

/** Labels that curve in every rate. */
function drawPairs(count: number): PairTable {
  const rng = createRng(3);
  const rates = Float32Array.from({ length: 4 * count }, () => rng.uniform());
  const targets = Float64Array.from({ length: count }, (_, row) =>
    rates.subarray(4 * row, 4 * row + 4).reduce((sum, rate) => sum + (rate - 0.4) ** 2, 0),
  );
  return { dimensions: ['a', 'b', 'c', 'd'], rates, targets };
}
