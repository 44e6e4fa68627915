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

export const MARGIN = {
  name: 'margin',
  better: 'higher',
  scale: 'linear',
  mean: { of: 'margin', per: 'questions' },
  summary:
    'mean log-likelihood of the right choice minus that of the best wrong one: tells models apart that answer as many questions rightly',
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
