import { RecoveryEnd, type RecoveryResult } from '../gen/prunecast/v1/common.js';

/** What training a pruned model brought, as lines; none if it was not trained. */
export function describeRecovery(recovery: RecoveryResult | undefined): string[] {
  if (recovery === undefined) return [];
  const { plugin, steps, bestStep, tokens, seconds, perplexityBefore, perplexityAfter, ended } = recovery;
  const best = bestStep === steps ? '' : `, best after ${bestStep}`;
  return [
    `${plugin}: ${steps} steps${best}, ${tokens} tokens in ${Math.round(seconds)} s${ENDS[ended] ?? ''}`,
    `perplexity of held-out training text: ${perplexityAfter.toPrecision(4)}, before training ${perplexityBefore.toPrecision(4)}`,
  ];
}

const ENDS: Partial<Record<RecoveryEnd, string>> = {
  [RecoveryEnd.OUT_OF_TIME]: ', until its time was over',
  [RecoveryEnd.NO_MORE_GAIN]: ', until they brought no more gain',
};
