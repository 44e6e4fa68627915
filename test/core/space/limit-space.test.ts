import { expect, it } from 'vitest';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { narrowSpace } from '../../../src/core/space/narrow-space.js';
import { joinLimits, withLimits } from '../../../src/core/space/limit-space.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

it('joins limits to what all of them ask', () => {
  const limits = joinLimits([
    { multipleOf: { ffn_channels: 12, kv_heads: 1 } },
    { keepsHalves: false, multipleOf: { ffn_channels: 8 } },
    {},
  ]);
  expect(limits).toEqual({ multipleOf: { ffn_channels: 24 } });
  expect(joinLimits([{ uniform: true }, {}])).toEqual({ uniform: true, keepsHalves: true });
  expect(joinLimits([{ keepsHalves: [0] }, { keepsHalves: [3, 0] }])).toEqual({ keepsHalves: [0, 3] });
  expect(joinLimits([{ uniform: false, keepsHalves: false, multipleOf: { kv_heads: 1 } }])).toEqual({});
});

it('makes a space whose counts are multiples of both what is asked and what a limit asks', () => {
  const options = withLimits({ maxRate: 1, multipleOf: { ffn_channels: 10 } }, { multipleOf: { ffn_channels: 4 } });
  const channels = createSearchSpace(STORIES_SHAPE, options).dimensions.filter(({ kind }) => kind === 'ffn_channels');
  for (const { counts } of channels) expect(counts).toEqual([0, 20, 40, 60, 80, 100, 120, 140, 160]);
});

it('drops no half-block where a limit keeps them, in refined ranges either', () => {
  for (const limits of [{ keepsHalves: true }, { uniform: true }]) {
    const space = createSearchSpace(STORIES_SHAPE, withLimits({ maxRate: 0.9 }, limits));
    const dimension = space.dimensions[0]?.name ?? '';
    const wider = narrowSpace(space, [{ dimension, minRate: 0, maxRate: 1 }]);
    expect(wider.dimensions[0]?.counts).toEqual([1, 2, 3, 4]);
  }
});

it('drops half-blocks of other layers than those that a limit names', () => {
  const space = createSearchSpace(STORIES_SHAPE, withLimits({ maxRate: 1 }, { keepsHalves: [0] }));
  const drops = space.dimensions.filter(({ counts }) => counts.includes(0)).flatMap(({ layers }) => layers);
  expect([...new Set(drops)]).toEqual([1, 2, 3, 4]);
});

it('leaves a space as it is if nothing is asked', () => {
  const options = { kinds: ['ffn_channels'], minRate: 0, multipleOf: { ffn_channels: 2 } } as const;
  expect(withLimits(options, {})).toEqual(options);
});
