import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFairLine } from '../../src/core/fair-line.js';

const entry = (caller: string, number: number) => ({ caller, number });

describe('a fair line', () => {
  it('lets a caller with one entry wait for no more than one entry of each other caller', () => {
    const line = createFairLine<ReturnType<typeof entry>>();
    for (let number = 0; number < 100; number++) line.add(entry('many', number));
    expect(line.add(entry('one', 0))).toBe(2);
    expect([line.take(), line.take(), line.take()]).toEqual([entry('many', 0), entry('one', 0), entry('many', 1)]);
    // Who comes later is not owed what was given before.
    expect(line.add(entry('late', 0))).toBe(2);
  });

  it('forgets what a caller had when its entries have left', () => {
    const line = createFairLine<ReturnType<typeof entry>>();
    const left = [0, 1, 2].map((number) => entry('left', number));
    for (const each of left) line.add(each);
    line.add(entry('other', 0));
    line.add(entry('other', 1));
    for (const each of left.slice(1)) line.remove(each);
    expect(line.countOf('left')).toBe(1);
    expect(line.add(entry('left', 3))).toBe(4);
    expect(line.list().map(({ caller, number }) => `${caller}${number}`)).toEqual([
      'left0',
      'other0',
      'other1',
      'left3',
    ]);
  });

  it('serves callers who all have entries wait equally often, to one, and each in its own order', () => {
    const arrivals = array(constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 60 });
    assert(
      property(arrivals, (callers) => {
        const line = createFairLine<ReturnType<typeof entry>>();
        for (const [number, caller] of callers.entries()) line.add(entry(caller, number));
        const waits = new Map<string, number>();
        for (const caller of callers) waits.set(caller, (waits.get(caller) ?? 0) + 1);
        const served = new Map<string, number[]>();
        for (let next = line.take(); next !== undefined; next = line.take()) {
          served.set(next.caller, [...(served.get(next.caller) ?? []), next.number]);
          const counts = [...waits]
            .filter(([caller, all]) => (served.get(caller)?.length ?? 0) < all)
            .map(([caller]) => served.get(caller)?.length ?? 0);
          expect(Math.max(...counts, 0) - Math.min(...counts, Infinity)).toBeLessThanOrEqual(1);
        }
        for (const numbers of served.values()) expect(numbers).toEqual(numbers.toSorted((x, y) => x - y));
        expect([...served.values()].flat()).toHaveLength(callers.length);
        expect(line.size).toBe(0);
      }),
    );
  });
});
