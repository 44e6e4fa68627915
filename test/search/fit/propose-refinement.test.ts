import { describe, expect, it } from 'vitest';
import { PAPER_GRID } from '../../../src/core/space/count-rule.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { narrowSpace } from '../../../src/core/space/narrow-space.js';
import { changedRanges, proposeRefinement } from '../../../src/search/fit/propose-refinement.js';
import { DEFAULT_REFINEMENT } from '../../../src/server/requests/defaults.js';
import { createShape } from '../../support/shapes.js';

/** Six layers of ten channels: six dimensions of equal cost, counts 5 to 9. */
const space = createSearchSpace(
  createShape({ layers: 6, hidden: 8, headDim: 4, kvHeads: 1, queryHeadsPerKv: 2, ffnChannels: 10, vocabulary: 16 }),
  { ...PAPER_GRID, kinds: ['ffn_channels'], protectedLayers: [] },
);
const importances = [0.5, 0.01, 0.3, 0.2, 0.02, 0.1];
const slopes = [2, 0.1, 1.5, 0.8, 1.2, 0.9];
const effects = slopes.map((slope) => ({ rates: [0.1, 0.3, 0.5], values: [4, 9, 4 + 0.4 * slope] }));

describe('proposeRefinement', () => {
  it('does what the paper did: important dimensions keep 0.1 to 0.3, unimportant flat ones go to 0.2 to 0.7', () => {
    const changes = proposeRefinement({ space, importances, effects }, DEFAULT_REFINEMENT);
    // Two of six are important (0.5, 0.3), two unimportant (0.01, 0.02). The median slope is 1.05: 0.1 is flatter, 1.2
    // is not.
    expect(changes.map(({ reason, after }) => [reason, after.minRate, after.maxRate])).toEqual([
      ['important', 0.1, 0.3],
      ['unimportant', 0.2, 0.7],
      ['important', 0.1, 0.3],
      ['middle', 0.1, 0.5],
      ['steep', 0.1, 0.5],
      ['middle', 0.1, 0.5],
    ]);
    const refined = narrowSpace(space, changedRanges(changes));
    expect(refined.dimensions.slice(0, 3).map(({ counts }) => counts)).toEqual([
      [7, 8, 9],
      [3, 4, 5, 6, 7, 8],
      [7, 8, 9],
    ]);
    expect(changedRanges(changes).map(({ dimension }) => dimension)).toEqual([
      'layers.0.ffn_channels',
      'layers.1.ffn_channels',
      'layers.2.ffn_channels',
    ]);
  });

  it('measures importance per parameter between the ends of the range, so that large units do not win by size', () => {
    const both = createSearchSpace(
      createShape({
        layers: 1,
        hidden: 8,
        headDim: 4,
        kvHeads: 4,
        queryHeadsPerKv: 2,
        ffnChannels: 10,
        vocabulary: 16,
      }),
      { maxRate: 0.5 },
    );
    const flat = { rates: [0, 0.5], values: [0, 0] };
    const [heads, channels] = proposeRefinement(
      { space: both, importances: [0.6, 0.3], effects: [flat, flat] },
      DEFAULT_REFINEMENT,
    );
    expect(heads?.importance).toBeCloseTo(0.6 / (2 * (2 * 8 * 8 + 2 * 8 * 4)), 12); // counts 4 to 2; q and o 8 x 8 a group, k and v 8 x 4
    expect(channels?.importance).toBeCloseTo(0.3 / (5 * 24), 12); // counts 10 to 5, three weights of 8 each
    expect((channels?.importance ?? 0) > (heads?.importance ?? 0)).toBe(true);
  });

  it('keeps the larger half of any counts, two at least, and leaves a dimension of one count alone', () => {
    const any = createSearchSpace(
      createShape({
        layers: 3,
        hidden: 8,
        headDim: 4,
        kvHeads: 3,
        queryHeadsPerKv: 2,
        ffnChannels: 10,
        vocabulary: 16,
      }),
      { maxRate: 0.5, protectedLayers: [] },
    );
    const options = { ...DEFAULT_REFINEMENT, importantShare: 1 };
    const effects = any.dimensions.map(() => ({ rates: [0, 0.5], values: [0, 0] }));
    const changes = proposeRefinement({ space: any, importances: any.dimensions.map(() => 1), effects }, options);
    const refined = narrowSpace(any, changedRanges(changes));
    expect(refined.dimensions.slice(0, 2).map(({ counts }) => counts)).toEqual([
      [2, 3],
      [8, 9, 10],
    ]); // 5 to 10 are six counts
    const single = narrowSpace(any, [{ dimension: 'layers.0.kv_heads', minRate: 0, maxRate: 0 }]);
    expect(
      proposeRefinement({ space: single, importances: any.dimensions.map(() => 1), effects }, options)[0],
    ).toMatchObject({ reason: 'fixed', importance: undefined });
  });
});
