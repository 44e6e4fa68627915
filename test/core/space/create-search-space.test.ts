import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { allowedCounts, PAPER_GRID } from '../../../src/core/space/count-rule.js';
import { createSearchSpace, type SearchSpaceOptions } from '../../../src/core/space/create-search-space.js';
import { narrowSpace } from '../../../src/core/space/narrow-space.js';
import { defaultProtectedLayers } from '../../../src/core/space/protected-layers.js';
import { decodeCounts, encodeCounts, toRates } from '../../../src/core/space/search-space.js';
import { snapRates } from '../../../src/core/space/snap-rates.js';
import { tieSpace } from '../../../src/core/space/tie-space.js';
import { createShape, SMOLLM2_SHAPE, STORIES_SHAPE } from '../../support/shapes.js';

/** Llama 3.1 405B: 126 layers of 53,248 channels, the largest dense Llama there is. */
const LARGEST_SHAPE = createShape({
  layers: 126,
  hidden: 16_384,
  headDim: 128,
  kvHeads: 8,
  queryHeadsPerKv: 16,
  ffnChannels: 53_248,
  vocabulary: 128_256,
});

describe('a search space', () => {
  it('with a tiny rate step has every count, and costs no more than one without', () => {
    for (const rateStep of [5e-324, 1e-12, 1e-9, 1e-5]) {
      const { user } = process.cpuUsage();
      const { dimensions } = createSearchSpace(LARGEST_SHAPE, {
        rateStep,
        minRate: 0.1,
        maxRate: 0.5,
        protectedLayers: [],
      });
      expect(process.cpuUsage({ user, system: 0 }).user / 1000).toBeLessThan(200);
      expect(dimensions).toHaveLength(252);
      expect(dimensions[1]?.counts).toEqual(
        createSearchSpace(LARGEST_SHAPE, { minRate: 0.1, maxRate: 0.5, protectedLayers: [] }).dimensions[1]?.counts,
      );
    }
  });

  it('has on a grid the counts of each of its rates, and no others', () => {
    const rate = fc.integer({ min: 0, max: 1000 }).map((thousandth) => thousandth / 1000);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        rate,
        rate,
        fc.integer({ min: 1, max: 1000 }).map((step) => step / 1000),
        (size, a, b, rateStep) => {
          const [minRate, maxRate] = [Math.min(a, b), Math.max(a, b)];
          const wanted = new Set<number>();
          for (let index = 0; minRate + index * rateStep <= maxRate + 1e-12; index++) {
            const rateAt = Math.min(1, minRate + index * rateStep);
            wanted.add(rateAt === 1 ? 0 : Math.max(1, Math.floor(size * (1 - rateAt) + 0.5 + 1e-9 * size)));
          }
          expect(allowedCounts(size, { minRate, maxRate }, { rateStep, multipleOf: 1 })).toEqual(
            [...wanted].sort((x, y) => x - y),
          );
        },
      ),
    );
  });

  it('refuses a second range for a dimension, which would overrule the first without a word', () => {
    const space = createSearchSpace(STORIES_SHAPE);
    const range = { dimension: space.dimensions[0]?.name ?? '', minRate: 0, maxRate: 0.25 };
    expect(() => narrowSpace(space, [range, { ...range, maxRate: 0.5 }])).toThrow(
      expect.objectContaining({
        reason: 'SPACE_INVALID',
        violations: [expect.objectContaining({ field: 'ranges[1].dimension' })],
      }),
    );
  });
});

describe('createSearchSpace', () => {
  it('lists dimensions layer by layer from the first prunable one, key-value heads before channels', () => {
    const { dimensions } = createSearchSpace(SMOLLM2_SHAPE);
    expect(dimensions.length).toBe(50); // 25 of 30 layers, two kinds
    expect(dimensions.slice(0, 3).map(({ name }) => name)).toEqual([
      'layers.3.kv_heads',
      'layers.3.ffn_channels',
      'layers.4.kv_heads',
    ]);
    expect(dimensions.at(-1)?.name).toBe('layers.27.ffn_channels');
  });

  it('allows any count between the ends of a range, and a dropped half only where it reaches rate 1', () => {
    const [heads, channels] = createSearchSpace(STORIES_SHAPE, { minRate: 0, maxRate: 0.5 }).dimensions;
    expect(heads?.counts).toEqual([2, 3, 4]);
    expect([channels?.counts[0], channels?.counts.at(-1), channels?.counts.length]).toEqual([86, 172, 87]);
    expect(createSearchSpace(STORIES_SHAPE, { minRate: 0.5, maxRate: 0.999 }).dimensions[0]?.counts).toEqual([1, 2]);
    expect(createSearchSpace(STORIES_SHAPE, { minRate: 0.5, maxRate: 1 }).dimensions[0]?.counts).toEqual([0, 1, 2]);
  });

  it('ties runs of layers from the first prunable one, the last shorter', () => {
    const { dimensions } = createSearchSpace(STORIES_SHAPE, { tieRun: 4, kinds: ['ffn_channels'] });
    expect(dimensions.map(({ name, layers }) => [name, layers])).toEqual([
      ['layers.0.ffn_channels', [0, 1, 2, 3]],
      ['layers.4.ffn_channels', [4]],
    ]);
  });

  it('makes all layers alike for a target that needs it, none protected', () => {
    const { dimensions } = createSearchSpace(SMOLLM2_SHAPE, { target: 'uniform' });
    expect(dimensions.map(({ name, layers }) => [name, layers.length])).toEqual([
      ['layers.0.kv_heads', 30],
      ['layers.0.ffn_channels', 30],
    ]);
  });

  it('keeps only multiples where a target needs them', () => {
    const [channels] = createSearchSpace(SMOLLM2_SHAPE, {
      kinds: ['ffn_channels'],
      multipleOf: { ffn_channels: 256 },
    }).dimensions;
    expect(channels?.counts).toEqual([768, 1024, 1280, 1536]);
  });

  it.each<[SearchSpaceOptions, string]>([
    [{ minRate: 0.6, maxRate: 0.2 }, 'space.max_rate'],
    [{ minRate: -0.1 }, 'space.min_rate'],
    [{ protectedLayers: [30] }, 'space.protected_layers'],
    [{ kinds: [] }, 'space.kinds'],
    [{ tieRun: 0 }, 'space.tie_run'],
    [{ rateStep: 0 }, 'space.rate_step'],
    [{ target: 'uniform', protectedLayers: [0] }, 'space.protected_layers'],
    [{ multipleOf: { ffn_channels: 1000 }, minRate: 0.4, maxRate: 0.5 }, 'space.multiple_of'],
    [{ protectedLayers: Array.from({ length: 30 }, (_, layer) => layer) }, 'space'],
  ])('refuses %j at %s', (options, field) => {
    const attempt = (): unknown => createSearchSpace(SMOLLM2_SHAPE, options);
    expect(attempt).toThrow(PrunecastError);
    expect(attempt).toThrow(
      expect.objectContaining({ reason: 'SPACE_INVALID', violations: [expect.objectContaining({ field })] }),
    );
  });
});

describe('defaultProtectedLayers', () => {
  it('protects the first three and last two of 32, three and two of 30, and none of five', () => {
    expect(defaultProtectedLayers(32)).toEqual([0, 1, 2, 30, 31]);
    expect(defaultProtectedLayers(30)).toEqual([0, 1, 2, 28, 29]);
    expect(defaultProtectedLayers(5)).toEqual([]);
  });
});

describe('allowedCounts', () => {
  it("takes each count of the paper's grid once", () => {
    const grid = { rateStep: PAPER_GRID.rateStep, multipleOf: 1 };
    expect(allowedCounts(10, PAPER_GRID, grid)).toEqual([5, 6, 7, 8, 9]);
    expect(allowedCounts(4, PAPER_GRID, grid)).toEqual([2, 3, 4]); // 3.6, 3.2, 2.8, 2.4, 2 round to 4, 3, 3, 2, 2
    expect(allowedCounts(172, PAPER_GRID, grid)).toEqual([86, 103, 120, 138, 155]);
  });
});

describe('narrowSpace', () => {
  const paper = createSearchSpace(STORIES_SHAPE, PAPER_GRID);

  it('moves the named ranges on their own grid and leaves the others', () => {
    const refined = narrowSpace(paper, [{ dimension: 'layers.1.ffn_channels', minRate: 0.2, maxRate: 0.7 }]);
    expect(refined.dimensions[3]?.counts).toEqual([52, 69, 86, 103, 120, 138]);
    expect(refined.dimensions[1]).toEqual(paper.dimensions[1]);
  });

  it('names the wrong range', () => {
    expect(() => narrowSpace(paper, [{ dimension: 'layers.9.ffn_channels', minRate: 0, maxRate: 1 }])).toThrow(
      expect.objectContaining({
        reason: 'SPACE_INVALID',
        violations: [expect.objectContaining({ field: 'ranges[0].dimension' })],
      }),
    );
  });
});

describe('snapRates', () => {
  it('turns every encoding of the space back into its counts, exactly', () => {
    const space = createSearchSpace(SMOLLM2_SHAPE, { maxRate: 0.9 });
    const point = fc.tuple(...space.dimensions.map(({ counts }) => fc.constantFrom(...counts)));
    fc.assert(
      fc.property(point, (counts) => {
        expect(snapRates(space, toRates(space, counts))).toEqual({ counts, snapped: [] });
        expect(encodeCounts(space, decodeCounts(space, counts))).toEqual(counts);
      }),
    );
  });

  it('says which rates lay between two counts', () => {
    const space = createSearchSpace(STORIES_SHAPE, { kinds: ['kv_heads'], protectedLayers: [2, 3, 4] });
    expect(snapRates(space, [0.3, 0.75])).toEqual({
      counts: [3, 1],
      snapped: [{ dimension: 'layers.0.kv_heads', rate: 0.3, snappedTo: 0.25 }],
    });
  });

  it('refuses a rate that is no rate, and a wrong number of them', () => {
    const space = createSearchSpace(STORIES_SHAPE, { kinds: ['kv_heads'], protectedLayers: [2, 3, 4] });
    expect(() => snapRates(space, [0.3, Number.NaN])).toThrow('rates[1]');
    expect(() => snapRates(space, [0.3])).toThrow('has 1 rates');
  });
});

describe('tieSpace', () => {
  it('ties each kind over runs of prunable layers and expands a tied point to equal counts', () => {
    const { space, expand } = tieSpace(createSearchSpace(STORIES_SHAPE), 4);
    expect(space.dimensions.map(({ layers }) => layers)).toEqual([[0, 1, 2, 3], [0, 1, 2, 3], [4], [4]]);
    expect(expand([3, 100, 2, 172])).toEqual([3, 100, 3, 100, 3, 100, 3, 100, 2, 172]);
  });

  it('ties only what is of one size', () => {
    const shape = createShape({
      layers: 2,
      hidden: 64,
      headDim: 8,
      kvHeads: 4,
      queryHeadsPerKv: 2,
      ffnChannels: 100,
      vocabulary: 512,
    });
    const uneven = {
      ...shape,
      layers: shape.layers.map((layer, index) => ({ ...layer, ffnChannels: 100 - 10 * index })),
    };
    expect(tieSpace(createSearchSpace(uneven), 2).space.dimensions.map(({ layers }) => layers)).toEqual([
      [0, 1],
      [0],
      [1],
    ]);
  });
});
