import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWeightCost } from '../../../src/core/budget/weight-bytes.js';
import { measureCost, measureCounts } from '../../../src/core/budget/cost-model.js';
import { countParameters } from '../../../src/core/model/parameters.js';
import type { BlockTensor, ModelShape, NumberBytes } from '../../../src/core/model/shape.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { separateCost } from '../../../src/search/sampling/components.js';
import { createShape } from '../../support/shapes.js';

const TENSORS: readonly BlockTensor[] = [
  'attentionNorm',
  'query',
  'key',
  'value',
  'output',
  'queryNorm',
  'keyNorm',
  'queryBias',
  'keyBias',
  'valueBias',
  'outputBias',
  'ffnNorm',
  'gate',
  'up',
  'down',
  'gateBias',
  'upBias',
  'downBias',
  'outputLeft',
  'downLeft',
];
const widths = (bytes: number, changes: Partial<Record<BlockTensor, number>> = {}) => ({
  ...(Object.fromEntries(TENSORS.map((tensor) => [tensor, bytes])) as Record<BlockTensor, number>),
  ...changes,
});

const PLAIN = createShape({
  layers: 2,
  hidden: 8,
  headDim: 4,
  kvHeads: 3,
  queryHeadsPerKv: 2,
  ffnChannels: 12,
  vocabulary: 16,
});

describe('createWeightCost', () => {
  it('counts each tensor as wide as it is', () => {
    const numberBytes: NumberBytes = {
      embedding: 4,
      head: 2,
      finalNorm: 4,
      layers: [widths(2, { attentionNorm: 4, ffnNorm: 4, value: 4 }), widths(4)],
    };
    // Embedding 16 x 8 and final norm 8 in F32. The first layer keeps 2 groups of 1 head, 5 channels; the second 1 of
    // 2, and no FFN.
    const kept = [
      { kvHeads: 2, queryHeadsPerKv: 1, ffnChannels: 5 },
      { kvHeads: 1, queryHeadsPerKv: 2, ffnChannels: 0 },
    ];
    const first = 4 * 8 + 2 * (8 * 8) + 2 * (8 * 8) + 4 * (8 * 8) + 2 * (8 * 8) + 4 * 8 + 2 * 3 * 8 * 5; // norm, q, k, v, o; norm, three maps
    const second = 4 * 8 + 4 * (8 * 8 + 4 * 8 + 4 * 8 + 8 * 8);
    expect(measureCost(createWeightCost({ ...PLAIN, numberBytes }), kept)).toBe(4 * (16 * 8 + 8) + first + second);
    // Untied, the head in BF16; whatever the tensors have, where one width is asked for.
    expect(measureCost(createWeightCost({ ...PLAIN, numberBytes, tiedEmbeddings: false }), kept)).toBe(
      4 * (16 * 8 + 8) + 2 * 16 * 8 + first + second,
    );
    expect(measureCost(createWeightCost({ ...PLAIN, numberBytes }, 1), kept)).toBe(countParameters(PLAIN, kept));
  });

  it('counts every parameter once, biases and what dropped half-blocks leave among them, for every shape', () => {
    const shapes = fc.record({
      queryKeyValue: fc.boolean(),
      attentionOutput: fc.boolean(),
      ffn: fc.boolean(),
      droppedBiases: fc.boolean(),
      queryKeyNorms: fc.boolean(),
      tiedEmbeddings: fc.boolean(),
    });
    const half = fc.record({
      kvHeads: fc.integer({ min: 0, max: 3 }),
      queryHeadsPerKv: fc.integer({ min: 1, max: 2 }),
      ffnChannels: fc.integer({ min: 0, max: 12 }),
    });
    fc.assert(
      fc.property(shapes, half, half, ({ droppedBiases, queryKeyNorms, tiedEmbeddings, ...biases }, ...layers) => {
        const shape: ModelShape = { ...PLAIN, biases, droppedBiases, queryKeyNorms, tiedEmbeddings };
        const each: NumberBytes = { embedding: 4, head: 4, finalNorm: 4, layers: [widths(4), widths(4)] };
        expect(measureCost(createWeightCost({ ...shape, numberBytes: each }), layers)).toBe(
          4 * countParameters(shape, layers),
        );
        expect(measureCost(createWeightCost({ ...shape, numberBytes: 4 }), layers)).toBe(
          4 * countParameters(shape, layers),
        );
        expect(measureCost(createWeightCost(shape), layers)).toBe(2 * countParameters(shape, layers));
      }),
    );
  });

  it('keeps layers of different dtypes apart where a sampler counts those alike once', () => {
    const space = createSearchSpace(
      { ...PLAIN, numberBytes: { embedding: 2, head: 2, finalNorm: 2, layers: [widths(2), widths(4)] } },
      { maxRate: 0.99, protectedLayers: [] },
    );
    const cost = createWeightCost(space.shape);
    const { components, fixed } = separateCost(space, cost);
    const counts = space.dimensions.map(({ counts: options }) => options[0] ?? 0);
    const separated = components.reduce(
      (sum, { dimensions, options, costs }) =>
        sum +
        (costs[options.findIndex((option) => option.every((count, at) => count === counts[dimensions[at] ?? -1]))] ??
          NaN),
      fixed,
    );
    expect(separated).toBe(measureCounts(cost, space, counts));
  });
});
