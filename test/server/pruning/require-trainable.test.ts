import { describe, expect, it } from 'vitest';
import { planMemory } from '../../../src/engine/runtime/plan-memory.js';
import { requireTrainable } from '../../../src/server/pruning/recover-pruned.js';
import { findLeastBudget } from '../../support/least-budget.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

const { layers } = STORIES_SHAPE;

/** Training on single sequences of 512 tokens. */
const sequences = [new Int32Array(512), new Int32Array(512)];
const recovery = {
  training: { sequencesPerStep: 1, loss: { layerErrors: 0 } },
  taken: { sequences: { sequences } },
  trained: sequences.slice(1),
} as unknown as Parameters<typeof requireTrainable>[2];

describe('requireTrainable', () => {
  it('refuses what the training itself would have no memory for, and says what helps', () => {
    const training = { architecture: layers, rank: 0, stepTokens: 512, layerErrors: false };
    const least = findLeastBudget(STORIES_SHAPE, { longest: 512, training });
    const within = (budget: number) => (): void =>
      requireTrainable({ requireMemory: (work) => void planMemory(STORIES_SHAPE, budget, work) }, layers, recovery);
    expect(within(least)).not.toThrow();
    expect(within(least - 1)).toThrow('a training of this model in steps of 512 tokens needs');
    expect(within(least - 1)).toThrow('train on fewer or shorter sequences per step');
  });
});
