import { describe, expect, it } from 'vitest';
import { mixPredictions } from '../../../src/plugins/predictors/ensemble/mix-predictions.js';
import { weighMembers } from '../../../src/plugins/predictors/ensemble/weigh-members.js';

describe('weighMembers', () => {
  const targets = Float64Array.of(1, 2, 3, 4);

  it('gives all to a member that is right', () => {
    expect(weighMembers([targets.map((value) => value + 1), targets, Float64Array.of(4, 1, 2, 2)], targets)).toEqual([
      0, 1, 0,
    ]);
  });

  it('mixes members whose errors cancel, in proportion', () => {
    // 3/4 (y + 1) + 1/4 (y - 3) = y.
    expect(weighMembers([targets.map((value) => value + 1), targets.map((value) => value - 3)], targets)).toEqual([
      0.75, 0.25,
    ]);
  });
});

describe('mixPredictions', () => {
  it('adds the variance within the members to the one between them', () => {
    const mixed = mixPredictions(
      [{ mean: Float64Array.of(1), deviation: Float64Array.of(0.5) }, { mean: Float64Array.of(3) }],
      { weights: [0.5, 0.5], variances: [9, 0.35] },
    );
    // Mean 2; within (0.25 + 0.35) / 2 = 0.3, between 1.
    expect(mixed.mean[0]).toBe(2);
    expect(mixed.deviation?.[0]).toBeCloseTo(Math.sqrt(1.3), 12);
  });
});
