import { z } from 'zod';
import type { MetricDefinition } from '../../../core/metric.js';

/** What evaluators of questions have in common: metrics by columns of their items, and options. */
export const ACCURACY = {
  name: 'accuracy',
  better: 'higher',
  scale: 'linear',
  mean: { of: 'correct', per: 'questions' },
  summary: 'share of questions that are answered rightly',
} as const satisfies MetricDefinition;

/**
 * The exponential of the mean margin. A mean margin is often below 0, where neither a share nor a logarithm of it means
 * anything; this is above 0, and a predictor that is fitted on its logarithm is fitted on the margin.
 */
export const LIKELIHOOD_RATIO = {
  name: 'likelihood_ratio',
  better: 'higher',
  scale: 'log',
  mean: { of: 'margin', per: 'questions' },
  summary:
    'how many times as likely the right choice is as the best wrong one, geometric mean: tells models apart that answer as many questions rightly',
} as const satisfies MetricDefinition;

export const limitOption = z
  .int()
  .min(0)
  .max(1_000_000)
  .default(0)
  .describe('Questions of each file, spread evenly over it; 0 takes all.');

export const bosOption = z
  .boolean()
  .default(false)
  .describe("Whether the model's beginning-of-sequence token stands before each prompt.");
