import { describe, expect, it } from 'vitest';
import { RecoveryEnd, RecoveryResult } from '../../src/gen/prunecast/v1/common.js';
import { describeRecovery } from '../../src/words/describe-recovery.js';

describe('what a training brought', () => {
  it('says how much of its passes the time allowed', () => {
    const result = RecoveryResult.fromPartial({
      plugin: 'distill',
      steps: 18n,
      bestStep: 18n,
      tokens: 18_432n,
      seconds: 600,
      perplexityBefore: 20,
      perplexityAfter: 15,
      ended: RecoveryEnd.OUT_OF_TIME,
      passes: 0.1443,
      askedPasses: 2,
    });
    const [training] = describeRecovery(result);
    expect(training).toBe('distill: 18 steps, 18432 tokens in 600 s, until its time was over after 0.14 of 2 passes');
    expect(describeRecovery({ ...result, ended: RecoveryEnd.FINISHED })[0]).toBe(
      'distill: 18 steps, 18432 tokens in 600 s',
    );
  });
});
