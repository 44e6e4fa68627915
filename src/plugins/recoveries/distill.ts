import { z } from 'zod';
import { defineRecovery } from '../define.js';

/**
 * Distillation: the pruned model learns to predict what the unpruned one predicts ("Distilling the Knowledge in a Neural
 * Network", arXiv 1503.02531; after pruning: "Compact Language Models via Pruning and Knowledge Distillation", arXiv
 * 2407.14679). All weight matrices of the kept half-blocks are trained, by AdamW, on calibration text alone.
 */
export default defineRecovery({
  id: 'distill',
  summary: "Trains the pruned model to predict the unpruned model's distribution of the next token.",
  options: z.strictObject({
    passes: z.number().gt(0).max(100).default(1).describe('How often each training sequence is used.'),
    minutes: z
      .number()
      .gt(0)
      .max(10_000)
      .default(20)
      .describe('Most minutes of training: fewer steps are made if the passes take longer.'),
    sequences_per_step: z.int().min(1).max(1_024).default(8).describe('Sequences of each step.'),
    learning_rate: z.number().gt(0).max(1).default(0.0003).describe('The learning rate after warm-up.'),
    warm_up_steps: z
      .int()
      .min(0)
      .max(100_000)
      .default(10)
      .describe('Steps in which the learning rate rises to its full value.'),
    final_share: z
      .number()
      .min(0)
      .max(1)
      .default(0.05)
      .describe('Share of the learning rate that is left at the end; it falls along a cosine.'),
    temperature: z
      .number()
      .min(0.1)
      .max(20)
      .default(1)
      .describe('Softens both distributions before they are compared.'),
    cross_entropy: z
      .number()
      .min(0)
      .max(1)
      .default(0.3)
      .describe("Share of the text's own next token in the loss; the rest is the unpruned model's distribution."),
    layer_errors: z
      .number()
      .min(0)
      .max(1_000)
      .default(0)
      .describe(
        "Weight of the layers' own errors beside these: how far hidden states after each layer are from the unpruned model's.",
      ),
    rank: z
      .int()
      .min(0)
      .max(4_096)
      .default(0)
      .describe(
        'LoRA: trains factors of this rank that are added to each matrix, with less state to keep; 0: the weights themselves.',
      ),
    weight_decay: z.number().min(0).max(10).default(0).describe('Decoupled weight decay of AdamW.'),
    clip_norm: z
      .number()
      .gt(0)
      .max(1_000_000)
      .default(1)
      .describe("A half-block's gradients with a larger norm are scaled down to it."),
    held_out_every: z
      .int()
      .min(2)
      .max(10_000)
      .default(16)
      .describe('One sequence in so many is not trained on; the best weights are chosen on these.'),
    checks: z.int().min(1).max(1_000).default(8).describe('How often the held-out sequences are measured.'),
    patience: z.int().min(1).max(1_000).default(3).describe('Training ends after so many checks without a new best.'),
    seed: z.int().default(0).describe('Fixes the order of the sequences, and the factors that `rank` begins with.'),
  }),
  plan: (options) => ({
    loss: { temperature: options.temperature, crossEntropy: options.cross_entropy, layerErrors: options.layer_errors },
    rank: options.rank,
    sequencesPerStep: options.sequences_per_step,
    passes: options.passes,
    mostMinutes: options.minutes,
    rate: {
      peak: options.learning_rate,
      warmUpSteps: options.warm_up_steps,
      finalShare: options.final_share,
    },
    optimiser: {
      firstDecay: 0.9,
      secondDecay: 0.95,
      epsilon: 1e-8,
      weightDecay: options.weight_decay,
      clipNorm: options.clip_norm,
    },
    heldOutEvery: options.held_out_every,
    checks: options.checks,
    patience: options.patience,
    seed: options.seed,
  }),
});
