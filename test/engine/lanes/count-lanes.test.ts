import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { countLanes, laneBudget } from '../../../src/engine/lanes/count-lanes.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';

const { shape, close } = await openCheckpoint(DEMO_DIRECTORY);
await close();
const AMPLE = 2 ** 30;

describe('countLanes', () => {
  it.each([
    { threads: 1, lanes: 1 },
    { threads: 2, lanes: 2 },
    { threads: 64, lanes: 4 },
  ])('gives a small model $lanes lanes on $threads threads', ({ threads, lanes }) => {
    expect(countLanes(shape, { threads, memoryBudgetBytes: AMPLE })).toBe(lanes);
  });

  it('gives one lane to a model whose operations are long enough for several threads', () => {
    const wide = { ...shape, hidden: 576 };
    expect(countLanes(wide, { threads: 2, memoryBudgetBytes: AMPLE })).toBe(1);
  });

  it('gives one lane if there is no memory for two', () => {
    expect(countLanes(shape, { threads: 2, memoryBudgetBytes: 64 * 2 ** 20 })).toBe(1);
  });
});

describe('laneBudget', () => {
  it('leaves room for the threads themselves within the budget', () => {
    for (const lanes of [1, 2, 3, 4]) expect(lanes * laneBudget(AMPLE, lanes)).toBeLessThanOrEqual(AMPLE);
    expect(laneBudget(AMPLE, 1)).toBe(AMPLE);
    expect(2 * laneBudget(AMPLE, 2)).toBeLessThan(AMPLE);
  });
});
