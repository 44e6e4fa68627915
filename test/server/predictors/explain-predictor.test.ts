import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RangeReason, type DeepPartial, type PairSet, type Predictor } from '../../../src/client/index.js';
import { createRng } from '../../../src/core/random.js';
import { DEMO, startVerbServer, type VerbServer } from '../verbs/verb-server.js';
import { loadFixturePlugin } from '../../support/fixture-plugins.js';

/** The demo model's dimensions with no layer protected. */
const DIMENSIONS = [0, 1, 2, 3, 4].flatMap((layer) => [`layers.${layer}.kv_heads`, `layers.${layer}.ffn_channels`]);

/** Log perplexity by a law: it rises steeply with the third dimension, a little with the fourth, with nothing else. */
const law = (rates: readonly number[]): number => 1.5 + 3 * (rates[2] ?? 0) ** 2 + 0.2 * (rates[3] ?? 0);

function drawPairs(count: number): DeepPartial<PairSet> {
  const rng = createRng(4);
  const pairs = Array.from({ length: count }, () => {
    const rates = DIMENSIONS.map(() => rng.integer(6) / 10);
    return { rates, metrics: { perplexity: Math.exp(law(rates)) }, recipeDigest: 'wanda' };
  });
  return { dimensions: DIMENSIONS, model: DEMO, measurementFingerprint: 'm', fidelityDigest: 'f', pairs };
}

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({ plugins: [await loadFixturePlugin('hanging-predictor.mjs')] });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const fit = (backend: string): Promise<Predictor> =>
  verbs.client.runFitPredictor({ source: { $case: 'pairs', value: drawPairs(80) }, predictor: { id: backend } });

describe('ExplainPredictor', () => {
  // The rise is 3 x 0.5 squared by hand; trees flatten the ends, and a forest averages over trees that hardly saw the column.
  it.each([
    ['ridge', 0.7],
    ['xgboost', 0.5],
    ['random-forest', 0.3],
  ] as const)('finds what labels follow, whatever the backend: %s', async (backend, least) => {
    const { id } = await fit(backend);
    const { dimensions } = await verbs.client.services.predictors.explainPredictor({ predictorId: id, points: 6 });
    expect(dimensions.map(({ dimension }) => dimension)).toEqual(DIMENSIONS);
    const ranked = dimensions.toSorted((a, b) => b.permutationImportance - a.permutationImportance);
    expect(ranked[0]?.dimension).toBe('layers.1.kv_heads');
    const rise = dimensions.map(({ effect }) => (effect.at(-1) ?? NaN) - (effect[0] ?? NaN));
    expect(rise[2]).toBeGreaterThan(least);
    expect(rise[2]).toBeLessThan(0.8);
    expect(Math.abs(rise[0] ?? NaN)).toBeLessThan(0.1);
    expect(dimensions[2]?.rates.map((rate) => rate.toFixed(1))).toEqual(['0.0', '0.1', '0.2', '0.3', '0.4', '0.5']);
  });

  it('refuses a predictor that is not there, and a curve of one point', async () => {
    const { explainPredictor } = verbs.client.services.predictors;
    await expect(explainPredictor({ predictorId: 'predictor-0' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      reason: 'PREDICTOR_NOT_FOUND',
    });
    await expect(explainPredictor({ predictorId: 'predictor-0', points: 1 })).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'points' }],
    });
  });
});

describe('ProposeRefinement', () => {
  const space = { protectedLayers: { layers: [] } };

  it('narrows what matters and widens what does not, as asked', async () => {
    const { id } = await fit('ridge');
    const { ranges } = await verbs.client.services.predictors.proposeRefinement({
      predictorId: id,
      model: DEMO,
      space,
      refine: { importantShare: 0.1, flatMaxRate: 0.8 },
    });
    expect(ranges.map(({ dimension }) => dimension)).toEqual(DIMENSIONS);
    // One of ten is important: counts 2 to 4 of four heads, of which the upper half, two at least, stays: 3 and 4.
    expect(ranges.filter(({ reason }) => reason === RangeReason.IMPORTANT)).toEqual([
      expect.objectContaining({ dimension: 'layers.1.kv_heads', oldMaxRate: 0.5, newMinRate: 0, newMaxRate: 0.25 }),
    ]);
    const widened = ranges.filter(({ reason }) => reason === RangeReason.UNIMPORTANT);
    expect(widened.length).toBeGreaterThan(0);
    for (const range of widened) expect(range).toMatchObject({ newMinRate: 0.2, newMaxRate: 0.8 });
  });

  it('leaves every range where refinement is disabled', async () => {
    const { id } = await fit('ridge');
    const { ranges } = await verbs.client.services.predictors.proposeRefinement({
      predictorId: id,
      model: DEMO,
      space,
      refine: { disabled: true },
    });
    for (const range of ranges)
      expect(range).toMatchObject({ newMinRate: range.oldMinRate, newMaxRate: range.oldMaxRate });
  });

  it('refuses a space of other dimensions, and a model of other weights', async () => {
    const { id } = await fit('ridge');
    const { proposeRefinement } = verbs.client.services.predictors;
    await expect(
      proposeRefinement({ predictorId: id, model: DEMO, space: { protectedLayers: { layers: [0] } } }),
    ).rejects.toMatchObject({ reason: 'SPACE_INVALID', violations: [{ field: 'space' }] });
    const other = await verbs.client.runFitPredictor({
      source: { $case: 'pairs', value: { ...drawPairs(40), checkpointDigest: 'another' } },
      predictor: { id: 'ridge' },
    });
    await expect(proposeRefinement({ predictorId: other.id, model: DEMO, space })).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'model' }],
    });
  });
});

describe('DeletePredictor', () => {
  it('forgets it for good, also where it was in use', async () => {
    const { id, dimensions } = await fit('ridge');
    const ask = () =>
      verbs.client.predict({
        predictorId: id,
        encodings: { rates: Buffer.alloc(4 * dimensions.length), dimensions: dimensions.length },
      });
    await ask();
    await verbs.client.services.predictors.deletePredictor({ predictorId: id });
    await expect(ask()).rejects.toMatchObject({ reason: 'PREDICTOR_NOT_FOUND' });
    await expect(verbs.client.services.predictors.deletePredictor({ predictorId: id })).rejects.toMatchObject({
      reason: 'PREDICTOR_NOT_FOUND',
    });
  });
});

describe('Predict', () => {
  it('of a predictor that never comes back ends with its caller, and answers the next one', async () => {
    const { id } = await fit('hanging');
    const predict = (first: number, signal?: AbortSignal) =>
      verbs.client.predict(
        {
          predictorId: id,
          encodings: {
            rates: Buffer.from(Float32Array.from(DIMENSIONS, (_, column) => (column === 0 ? first : 0.1)).buffer),
            dimensions: DIMENSIONS.length,
          },
        },
        signal === undefined ? {} : { signal },
      );
    await expect(predict(0.95, AbortSignal.timeout(300))).rejects.toMatchObject({ code: 'CANCELLED' });
    const { predictions } = await predict(0.5);
    // All rows are answered by the mean of the logarithms.
    const labels = (drawPairs(80).pairs ?? []).map((pair) => Math.log(pair?.metrics?.['perplexity'] ?? NaN));
    expect(Math.log(predictions[0]?.mean[0] ?? NaN)).toBeCloseTo(labels.reduce((sum, label) => sum + label, 0) / 80, 6);
  });

  it('gives intervals that hold 9 of 10 labels that it never saw', async () => {
    const rng = createRng(8);
    // Noise uniform in [-0.3, 0.3]: an interval of 90 % that knows the law is 0.27 to either side.
    const draw = (count: number) =>
      Array.from({ length: count }, () => {
        const rates = DIMENSIONS.map(() => Math.fround(rng.uniform() / 2));
        return { rates, metrics: { perplexity: Math.exp(law(rates) + 0.6 * (rng.uniform() - 0.5)) } };
      });
    const { id } = await verbs.client.runFitPredictor({
      source: { $case: 'pairs', value: { dimensions: DIMENSIONS, pairs: draw(300) } },
      predictor: { id: 'ridge' },
    });
    const fresh = draw(1000);
    const rates = Float32Array.from(fresh.flatMap((pair) => pair.rates));
    const {
      predictions: [prediction],
    } = await verbs.client.predict({
      predictorId: id,
      encodings: { rates: Buffer.from(rates.buffer), dimensions: DIMENSIONS.length },
    });
    const { low = [], high = [], deviation = [] } = prediction ?? {};
    const within = fresh.filter(
      ({ metrics: { perplexity } }, row) => perplexity >= (low[row] ?? NaN) && perplexity <= (high[row] ?? NaN),
    ).length;
    expect(Math.abs(within / 1000 - 0.9)).toBeLessThan(0.05);
    expect(Math.log((high[0] ?? NaN) / (low[0] ?? NaN)) / 2).toBeGreaterThan(0.25);
    expect(Math.log((high[0] ?? NaN) / (low[0] ?? NaN)) / 2).toBeLessThan(0.35);
    expect(deviation[0]).toBeGreaterThan(0.15); // 0.6 / sqrt(12) = 0.173 of the noise alone
    expect(deviation[0]).toBeLessThan(0.25);
  });

  it('answers for the recipe of its pairs, and refuses one that it never saw', async () => {
    const { id, dimensions } = await fit('ridge');
    const ask = (recipeDigest: string) =>
      verbs.client.predict({
        predictorId: id,
        recipeDigest,
        encodings: { rates: Buffer.alloc(4 * dimensions.length), dimensions: dimensions.length },
      });
    expect((await ask('wanda')).predictions).toEqual((await ask('')).predictions);
    await expect(ask('taylor')).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'recipe_digest' }],
    });
  });

  it('distinguishes recipes if its pairs have several, and asks which', async () => {
    const set = drawPairs(80);
    const pairs = (set.pairs ?? []).map((pair, row) =>
      row % 2 === 0
        ? pair
        : { ...pair, metrics: { perplexity: 2 * (pair.metrics?.['perplexity'] ?? NaN) }, recipeDigest: 'taylor' },
    );
    const { id, dimensions, recipeDigests } = await verbs.client.runFitPredictor({
      source: { $case: 'pairs', value: { ...set, pairs } },
      predictor: { id: 'ridge' },
    });
    expect({ dimensions, recipeDigests }).toEqual({ dimensions: DIMENSIONS, recipeDigests: ['wanda', 'taylor'] });
    const ask = (recipeDigest: string) =>
      verbs.client.predict({
        predictorId: id,
        recipeDigest,
        encodings: { rates: Buffer.alloc(4 * DIMENSIONS.length), dimensions: DIMENSIONS.length },
      });
    const [wanda, taylor] = [await ask('wanda'), await ask('taylor')].map(
      ({ predictions }) => predictions[0]?.mean[0] ?? NaN,
    ) as [number, number];
    expect(taylor / wanda).toBeCloseTo(2, 1);
    await expect(ask('')).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'recipe_digest' }],
    });
    const { dimensions: explained } = await verbs.client.services.predictors.explainPredictor({ predictorId: id });
    expect(explained.toSorted((a, b) => b.permutationImportance - a.permutationImportance)[0]?.dimension).toBe(
      'layers.1.kv_heads',
    );
  });
});
