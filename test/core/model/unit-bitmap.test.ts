import { assert, nat, property, uniqueArray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packUnits, unpackUnits } from '../../../src/core/model/unit-bitmap.js';

describe('a bitmap of units', () => {
  it('has unit i at bit i mod 8 of byte floor(i / 8), the least significant first, and as many bytes as the size needs', () => {
    expect([...packUnits([0, 3, 8, 17], 20)]).toEqual([0b0000_1001, 0b0000_0001, 0b0000_0010]);
    expect([...packUnits([], 20)]).toEqual([0, 0, 0]);
    expect(packUnits([], 0)).toHaveLength(0);
    expect(packUnits([], 28_672)).toHaveLength(3584);
  });

  it('gives back the units that went in, ascending', () => {
    assert(
      property(uniqueArray(nat(200)), (units) => {
        expect(unpackUnits(packUnits(units, 201))).toEqual(units.toSorted((a, b) => a - b));
      }),
    );
  });

  it('that is cut short stands for the same with zeros behind', () => {
    expect(unpackUnits(packUnits([2, 9], 64).subarray(0, 2))).toEqual([2, 9]);
  });

  it('cannot hold a unit that does not exist, or one twice', () => {
    for (const units of [[20], [-1], [0.5], [Number.NaN], [3, 3]])
      expect(() => packUnits(units, 20)).toThrow(RangeError);
  });
});
