import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import { toRates, type Counts } from '../../../src/core/space/search-space.js';
import { createRings } from '../../../src/plugins/strategies/breeding/create-rings.js';
import { createPlan } from '../../search/fake-study.js';

const { space } = createPlan();
const whole: Counts = space.dimensions.map(({ size }) => size);
const half: Counts = space.dimensions.map(({ size }) => size >> 1);
/** One dimension lacks a unit. */
const near: Counts = whole.map((count, index) => (index === 1 ? count - 1 : count));

function open(
  evaluated: readonly { readonly counts: Counts; readonly values: readonly [number] }[],
  isFeasible: (counts: Counts) => boolean = () => true,
) {
  const rings = createRings(
    {
      space,
      candidates: 10,
      rng: createRng(1),
      evaluated,
      sampler: { sample: () => undefined, repair: () => undefined, isFeasible },
    },
    [0.01, 1],
  );
  rings.add([
    { counts: half, predicted: 1 },
    { counts: near, predicted: 2 },
  ]);
  return rings;
}

describe('createRings', () => {
  it('keeps what lies within a radius of the best measured point apart from what is only predicted better', () => {
    expect(Math.max(...toRates(space, half))).toBeGreaterThan(0.4);
    const rings = open([
      { counts: whole, values: [3] },
      { counts: half, values: [4] },
    ]);
    expect(rings.best(5)).toEqual([[near], [half, near]]);
    expect(rings.best(1)).toEqual([[near], [half]]);
  });

  it('takes the best measured point that meets the budgets', () => {
    const rings = open(
      [
        { counts: whole, values: [3] },
        { counts: half, values: [4] },
      ],
      (counts) => counts === half,
    );
    expect(rings.best(5)).toEqual([[half], [half, near]]);
  });

  it('has one ring for all where nothing was measured', () => {
    expect(open([]).best(5)).toEqual([[half, near]]);
  });
});
