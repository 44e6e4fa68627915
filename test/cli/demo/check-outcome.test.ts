import { describe, expect, it } from 'vitest';
import { checkOutcome, type Outcome } from '../../../src/cli/demo/check-outcome.js';

const outcome: Outcome = {
  dense: { parameters: 1000, perplexity: 4 },
  uniform_paper: { parameters: 790, perplexity: 8 },
  uniform_best: { parameters: 800, perplexity: 7 },
  random: { parameters: 799, perplexity: 6.5 },
  winner: { parameters: 800, perplexity: 6 },
  reloaded: { parameters: 800, perplexity: 6.0003 },
  lifts: {
    uniform_paper: { share: 0.25, low: 0.2, high: 0.3 },
    uniform_best: { share: 0.14, low: 0.1, high: 0.2 },
    random: { share: 0.08, low: -0.01, high: 0.1 },
  },
  pairs: 200,
  predicted: 10_000,
  verified: 18,
  kendall_tau: 0.7,
  r2: 0.8,
  tokens: 1e6,
  seconds: 20,
};
const facts = { removedShare: 0.2, prunableLayers: 5, sameMeasurement: true };

describe('checkOutcome', () => {
  it('finds nothing where all holds, to one part in ten thousand', () => {
    expect(checkOutcome(outcome, facts)).toEqual([]);
  });

  it.each([
    [
      'a winner above the budget',
      { winner: { parameters: 801, perplexity: 6 }, reloaded: { parameters: 801, perplexity: 6 } },
      'winner has 801 parameters',
    ],
    [
      'a winner no better than uniform-paper',
      { uniform_paper: { parameters: 790, perplexity: 6 } },
      'not below that of uniform-paper',
    ],
    [
      'an export that measures otherwise',
      { reloaded: { parameters: 800, perplexity: 6.001 } },
      'the exported model has perplexity 6.001',
    ],
    [
      'an export of another size',
      { reloaded: { parameters: 799, perplexity: 6 } },
      'the exported model has 799 parameters',
    ],
    [
      'a row that is missing',
      { uniform_best: { parameters: NaN, perplexity: NaN } },
      'uniform_best has NaN parameters',
    ],
    [
      'a random control above the budget',
      { random: { parameters: 801, perplexity: 6.5 } },
      'random has 801 parameters, more than the 800',
    ],
    [
      'a control without an interval',
      { lifts: { ...outcome.lifts, random: { share: 0.08, low: NaN, high: NaN } } },
      'better than random by 0.08, with an interval from NaN to NaN',
    ],
    ['a predictor without a quality', { kendall_tau: NaN }, 'kendall_tau is NaN'],
  ])('names %s', (_, change, sentence) => {
    expect(checkOutcome({ ...outcome, ...change }, facts).join('\n')).toContain(sentence);
  });

  it('names an export that was measured on other windows, and layers that were not prunable', () => {
    expect(checkOutcome(outcome, { ...facts, sameMeasurement: false, prunableLayers: 4 })).toHaveLength(2);
  });
});
