import { describe, expect, it } from 'vitest';
import type { Recovery, TrainingPlan } from '../../../src/core/ports/recovery.js';
import distill from '../../../src/plugins/recoveries/distill.js';
import { listRecoveryChecks } from '../../../src/plugins/testing/recovery-conformance.js';
import { failuresOf } from './failures-of.js';

const honest = distill as Recovery;

describe('listRecoveryChecks', () => {
  it.each<[string, (plan: TrainingPlan) => TrainingPlan, RegExp]>([
    ['plans no step', (plan) => ({ ...plan, sequencesPerStep: 0 }), /cannot be trained by \(sequencesPerStep: /],
    [
      'draws its own seed',
      (plan) => ({ ...plan, seed: Math.floor(Math.random() * 1e9) }),
      /the same plan for the same options/,
    ],
    [
      'plans a function',
      (plan) => ({ ...plan, rate: { ...plan.rate, at: () => 1 } }) as TrainingPlan,
      /could not be cloned/,
    ],
  ])('finds out one that %s', async (_, change, message) => {
    const plan: Recovery['plan'] = (options) => change(honest.plan(options) as TrainingPlan);
    expect((await failuresOf(listRecoveryChecks({ ...honest, plan }))).join('\n')).toMatch(message);
  });
});
