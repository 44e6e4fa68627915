import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planPasses } from '../../../src/engine/forward/plan-passes.js';

describe('planPasses', () => {
  it('runs every architecture on every batch once, within the limit wherever the smallest piece fits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 400 }),
        (count, batches, limitBytes) => {
          const architectures = Array.from({ length: count }, (_, index) => index);
          const passes = planPasses(architectures, batches, {
            bytesOf: (bytes) => bytes,
            heldStates: (part) => part.length,
            limitBytes,
          });
          expect(passes.flatMap(({ first, count: size }) => architectures.slice(first, first + size))).toEqual(
            architectures,
          );
          for (const { count: size, groups } of passes) {
            expect(groups.flat()).toEqual(batches);
            const splittable = groups.filter((group) => size > 1 || group.length > 1);
            for (const group of splittable)
              expect((size + 1) * group.reduce((sum, batch) => sum + batch, 0)).toBeLessThanOrEqual(limitBytes);
          }
        },
      ),
    );
  });

  it('runs all architectures together if everything fits', () => {
    expect(planPasses([1, 2, 3], ['a', 'b'], { bytesOf: () => 1, heldStates: () => 2, limitBytes: 6 })).toEqual([
      { first: 0, count: 3, groups: [['a', 'b']] },
    ]);
  });
});
