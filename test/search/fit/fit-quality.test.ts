import { describe, expect, it } from 'vitest';
import { measureQuality } from '../../../src/search/fit/fit-quality.js';

const accuracy = { name: 'accuracy', scale: 'linear', better: 'higher', index: 0, of: 1 } as const;
const truth = Float64Array.from({ length: 20 }, (_, row) => row);
/** Ranks the highest labels right and all others backwards. */
const predicted = truth.map((label) => (label >= 10 ? 100 + label : -label));

describe('measureQuality', () => {
  it('counts the best 10 from the top where higher is better, from the bottom elsewhere', () => {
    const form = { split: '5-fold', fitted: 16 };
    expect(measureQuality({ targets: truth, metric: accuracy }, predicted, form)).toMatchObject({
      top10Recall: 1,
      regretAt1: 0,
      heldOut: 20,
      ...form,
    });
    expect(measureQuality({ targets: truth }, predicted, form)).toMatchObject({ top10Recall: 1, regretAt1: 9 }); // predicts 9 to be the lowest
  });

  it('measures the error alike in either direction', () => {
    const off = truth.map((label) => label + 2);
    expect(measureQuality({ targets: truth, metric: accuracy }, off, { split: '', fitted: 0 })).toMatchObject({
      mae: 2,
      rmse: 2,
      kendallTau: 1,
      spearman: expect.closeTo(1, 12),
    });
  });
});
