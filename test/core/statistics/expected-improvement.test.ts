import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import { expectedImprovement, normalCumulative } from '../../../src/core/statistics/expected-improvement.js';

describe('normalCumulative', () => {
  it('agrees with tables of the normal distribution', () => {
    expect(normalCumulative(0)).toBeCloseTo(0.5, 7);
    expect(normalCumulative(1.96)).toBeCloseTo(0.9750021048517795, 6);
    expect(normalCumulative(-1)).toBeCloseTo(0.15865525393145707, 6);
    expect(normalCumulative(-3)).toBeCloseTo(0.0013498980316300933, 6);
  });
});

describe('expectedImprovement', () => {
  it('is the mean of what normal draws improve', () => {
    const rng = createRng(1);
    const [mean, deviation, best] = [2.1, 0.4, 2];
    let sum = 0;
    for (let draw = 0; draw < 200_000; draw++) {
      const normal = Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform());
      sum += Math.max(0, best - (mean + deviation * normal));
    }
    expect(expectedImprovement({ mean, deviation }, best)).toBeCloseTo(sum / 200_000, 2);
  });

  it('is the improvement of the mean if that is certain', () => {
    expect(expectedImprovement({ mean: 1.5, deviation: 0 }, 2)).toBe(0.5);
    expect(expectedImprovement({ mean: 2.5, deviation: 0 }, 2)).toBe(0);
  });
});
