import { defineRecovery, z } from 'prunecast/plugin';

/** A short training of low-rank factors on the distributions of the unpruned model. */
export default defineRecovery({
  id: 'my-plugin',
  summary: 'Trains low-rank factors for some minutes to predict what the unpruned model predicts.',
  options: z.strictObject({
    minutes: z.number().gt(0).max(1000).default(5).describe('Most minutes of training.'),
    rank: z.int().min(1).max(1024).default(8).describe('The rank of the factors.'),
  }),
  plan: ({ minutes, rank }) => ({
    loss: { temperature: 1, crossEntropy: 0.3 },
    rank,
    sequencesPerStep: 8,
    passes: 1,
    mostMinutes: minutes,
    rate: { peak: 1e-3, warmUpSteps: 10, finalShare: 0.05 },
    optimiser: { firstDecay: 0.9, secondDecay: 0.95, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 },
    heldOutEvery: 16,
    checks: 8,
    patience: 3,
    seed: 0,
  }),
});
