import { RecoveryEnd, type RecoveryResult } from '../gen/prunecast/v1/common.js';

/** What training a pruned model brought, as lines; none if it was not trained. */
export function describeRecovery(recovery: RecoveryResult | undefined): string[] {
  if (recovery === undefined) return [];
  const { plugin, steps, bestStep, tokens, seconds, perplexityBefore, perplexityAfter } = recovery;
  const best = bestStep === steps ? '' : `, best after ${bestStep}`;
  return [
    `${plugin}: ${steps} steps${best}, ${tokens} tokens in ${Math.round(seconds)} s${describeEnd(recovery)}`,
    `perplexity of held-out training text: ${perplexityAfter.toPrecision(4)}, before training ${perplexityBefore.toPrecision(4)}`,
  ];
}

function describeEnd({ ended, passes, askedPasses }: RecoveryResult): string {
  // Earlier versions did not count passes.
  const made = passes > 0 ? ` after ${Number(passes.toPrecision(2))} of ${askedPasses} passes` : '';
  switch (ended) {
    case RecoveryEnd.OUT_OF_TIME:
      return `, until its time was over${made}`;
    case RecoveryEnd.NO_MORE_GAIN:
      return ', until they brought no more gain';
    default:
      return '';
  }
}
