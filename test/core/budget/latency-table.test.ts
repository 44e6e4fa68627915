import { describe, expect, it } from 'vitest';
import { completeTable, createLatencyCost, raiseTimes } from '../../../src/core/budget/latency-table.js';

const timed = {
  context: 0,
  fixed: 1_000_000,
  attention: [
    {
      queryHeadsPerKv: 1,
      times: [
        { count: 1, picoseconds: 200_000 },
        { count: 3, picoseconds: 400_000 },
      ],
    },
    {
      queryHeadsPerKv: 3,
      times: [
        { count: 1, picoseconds: 300_000 },
        { count: 3, picoseconds: 900_000 },
      ],
    },
  ],
  ffn: [
    { count: 1, picoseconds: 100_000 },
    { count: 101, picoseconds: 1_100_000 },
  ],
};

describe('createLatencyCost', () => {
  it('draws straight lines between the counts that were timed, over groups and the heads in them', () => {
    const cost = createLatencyCost({ ...timed, step: 1 });
    expect(cost.ffn(1)).toBe(100_000);
    expect(cost.ffn(26)).toBe(350_000);
    expect(cost.attention(2, 1)).toBe(300_000);
    // Between (2, 1) at 300,000 and (2, 3) at 600,000.
    expect(cost.attention(2, 2)).toBe(450_000);
    expect([cost.ffn(0), cost.attention(0, 0)]).toEqual([0, 0]);
  });

  it('counts in a 20,000th of the unpruned model, which moves no half-block by more than half of that', () => {
    const layers = Array.from({ length: 9 }, () => ({ kvHeads: 3, queryHeadsPerKv: 3, ffnChannels: 101 }));
    const table = completeTable(timed, layers); // 1,000,000 + 9 (900,000 + 1,100,000) = 19,000,000
    expect(table.step).toBe(950);
    const cost = createLatencyCost(table);
    const exact = createLatencyCost({ ...timed, step: 1 });
    for (let channels = 1; channels <= 101; channels++) {
      expect(cost.ffn(channels) % 950).toBe(0);
      expect(Math.abs(cost.ffn(channels) - exact.ffn(channels))).toBeLessThanOrEqual(475);
    }
  });
});

describe('raiseTimes', () => {
  it('lets no larger shape be faster than a smaller one', () => {
    expect(
      raiseTimes([3, 2, 5, 4].map((picoseconds, count) => ({ count, picoseconds }))).map(
        ({ picoseconds }) => picoseconds,
      ),
    ).toEqual([3, 3, 5, 5]);
  });
});
