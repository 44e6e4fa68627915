import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairBand, candidateBand } from '../../../src/core/budget/budget.js';
import { measureCost } from '../../../src/core/budget/cost-model.js';
import { addOutputBiases } from '../../../src/core/model/add-output-biases.js';
import { countParameters } from '../../../src/core/model/parameters.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { createShape, SMOLLM2_SHAPE, STORIES_SHAPE } from '../../support/shapes.js';
import { createCostModel, type CostSpec } from '../../../src/core/budget/cost-spec.js';

const measure = (shape: typeof STORIES_SHAPE, spec: CostSpec, layers = shape.layers): number =>
  measureCost(createCostModel(shape, spec), layers);

describe('measureCost', () => {
  it('counts the parameters that the checkpoints have', () => {
    expect(measure(SMOLLM2_SHAPE, { kind: 'parameters' })).toBe(134_515_008); // as shared/models/smollm2-135m-instruct states
    expect(measure(STORIES_SHAPE, { kind: 'weight_bytes', bytesPerParameter: 2 })).toBe(
      2 * measure(STORIES_SHAPE, { kind: 'parameters' }),
    );
  });

  it('drops the norm of a dropped half-block too, which no linear cost would', () => {
    const [one, none] = [1, 0].map((ffnChannels) =>
      measure(
        STORIES_SHAPE,
        { kind: 'parameters' },
        STORIES_SHAPE.layers.map((layer) => ({ ...layer, ffnChannels })),
      ),
    );
    expect((one ?? 0) - (none ?? 0)).toBe(5 * (3 * 64 + 64)); // three weights of a channel and the norm, in five layers
  });

  it('counts the biases that compensation adds to a model', () => {
    const shape = createShape({
      layers: 3,
      hidden: 4,
      headDim: 2,
      kvHeads: 2,
      queryHeadsPerKv: 1,
      ffnChannels: 5,
      vocabulary: 10,
    });
    const whole = { kvHeads: 2, queryHeadsPerKv: 1, ffnChannels: 5 };
    const added = (layers: typeof shape.layers): number =>
      measure(addOutputBiases(shape, layers), { kind: 'parameters' }, layers) -
      measure(shape, { kind: 'parameters' }, layers);
    expect(added([whole, whole, whole])).toBe(0);
    // Down's 4 in each layer, and gate's and up's with them: 3 channels kept, 5, and a half that left its mean.
    expect(added([{ ...whole, ffnChannels: 3 }, whole, { ...whole, ffnChannels: 0 }])).toBe(4 + 6 + (4 + 10) + 4);
    expect(added([{ ...whole, kvHeads: 1 }, whole, whole])).toBe(3 * 4);
    expect(added([{ ...whole, kvHeads: 0, queryHeadsPerKv: 0 }, whole, whole])).toBe(4);
    expect(measure(addOutputBiases(shape), { kind: 'parameters' })).toBe(
      measure(shape, { kind: 'parameters' }) + 3 * (4 + 4 + 10),
    );
  });

  it('counts the cache of a token: keys and values of all layers', () => {
    expect(measure(SMOLLM2_SHAPE, { kind: 'kv_cache_bytes_per_token', bytesPerValue: 2 })).toBe(30 * 2 * 3 * 64 * 2); // 23,040 bytes in float16
  });

  it('counts the floating-point operations of a token by hand', () => {
    const shape = createShape({
      layers: 1,
      hidden: 4,
      headDim: 2,
      kvHeads: 1,
      queryHeadsPerKv: 2,
      ffnChannels: 3,
      vocabulary: 10,
    });
    // q 4x4, k 4x2, v 4x2, o 4x4, three of 4x3, head 4x10; scores and values 2 x 2 x (2 heads x 2) x 8 / 2 visible
    // positions
    expect(measure(shape, { kind: 'flops_per_token', context: 8 })).toBe(2 * (16 + 8 + 8 + 16 + 36 + 40) + 64);
  });

  it('agrees with the count of the exported model on any architecture', () => {
    const layer = fc.record({
      kvHeads: fc.integer({ min: 0, max: 4 }),
      queryHeadsPerKv: fc.integer({ min: 1, max: 2 }),
      ffnChannels: fc.integer({ min: 0, max: 172 }),
    });
    fc.assert(
      fc.property(fc.array(layer, { minLength: 5, maxLength: 5 }), (layers) => {
        expect(measure(STORIES_SHAPE, { kind: 'parameters' }, layers)).toBe(countParameters(STORIES_SHAPE, layers));
      }),
    );
  });
});

describe('pairBand', () => {
  it('lies a tenth of what is to be removed around the budget, either way', () => {
    const space = createSearchSpace(STORIES_SHAPE);
    const dense = measure(STORIES_SHAPE, { kind: 'parameters' });
    const limit = dense - 50_000;
    expect(pairBand(space, { cost: { kind: 'parameters' }, limit }, 0.1)).toMatchObject({
      least: dense - 55_000,
      most: dense - 45_000,
    });
  });
});

describe('candidateBand', () => {
  it('spends all but half a percent of the budget, and never more than it', () => {
    expect(candidateBand(STORIES_SHAPE, { cost: { kind: 'parameters' }, limit: 200_001.5 })).toMatchObject({
      least: 199_002,
      most: 200_001,
    });
  });
});
