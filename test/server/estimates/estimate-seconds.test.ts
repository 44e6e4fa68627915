import { describe, expect, it } from 'vitest';
import { planPhase, timePhase } from '../../../src/server/estimates/estimate-seconds.js';

describe('timePhase', () => {
  const work = { products: 600, factors: 20 };
  const speeds = { products: 10, factors: 2 };

  it('adds what takes its time whatever the model to what the model computes', () => {
    expect(timePhase(planPhase('export', { work, seconds: 5 }), speeds)).toBe(75);
  });

  it('takes no longer than a limit allows', () => {
    expect(timePhase(planPhase('recover', { work, mostSeconds: 30 }), speeds)).toBe(30);
    expect(timePhase(planPhase('recover', { work, mostSeconds: 90 }), speeds)).toBe(70);
  });
});
