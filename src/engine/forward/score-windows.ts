import type { Window } from '../../core/ports/evaluator.js';
import type { BlockRunner, HeadWeights } from './block-runner.js';
import type { WindowBatch } from './window-batches.js';

/** One entry a window. */
export interface WindowScores {
  /** Summed negative log-likelihoods, natural log. */
  readonly losses: Float64Array;
  /** Scored tokens that were the most likely. */
  readonly hits: Int32Array;
}

export function createWindowScores(windows: number): WindowScores {
  return { losses: new Float64Array(windows), hits: new Int32Array(windows) };
}

/**
 * Adds each window's loss, in float64, and its hits to `scores`.
 *
 * Only the rows that predict a scored token go through the head, some hundred at a time: all logits of a window of 512
 * tokens of SmolLM2 would take 100 MB.
 *
 * @param states the batch's hidden states after the last block, [count, length, hidden]
 */
export async function scoreWindows(
  runner: BlockRunner,
  weights: HeadWeights,
  { batch, windows, states }: { readonly batch: WindowBatch; readonly windows: readonly Window[]; readonly states: Float32Array },
  scores: WindowScores,
  signal: AbortSignal,
): Promise<void> {
  const hidden = weights.norm.length;
  const scored = listScored(batch, windows);
  const rowsPerRun = countHeadRows(weights.head.length / hidden);
  for (let from = 0; from < scored.length; from += rowsPerRun) {
    signal.throwIfAborted();
    const part = scored.slice(from, from + rowsPerRun);
    const rows = new Float32Array(part.length * hidden);
    part.forEach(({ row }, place) => rows.set(states.subarray(row * hidden, (row + 1) * hidden), place * hidden));
    const { logLikelihoods, hits } = { logLikelihoods: new Float32Array(part.length), hits: new Int32Array(part.length) };
    await runner.scoreTargets(weights, rows, BigInt64Array.from(part, ({ target }) => BigInt(target)), { logLikelihoods, hits });
    part.forEach(({ window }, place) => {
      scores.losses[window] = (scores.losses[window] ?? 0) - (logLikelihoods[place] as number);
      scores.hits[window] = (scores.hits[window] ?? 0) + (hits[place] as number);
    });
  }
}

/** Rows that go through the head together: logits of about 64 MB, where the product was fastest, and 2,048 rows at most. */
export function countHeadRows(vocabulary: number): number {
  return Math.max(16, Math.min(2048, Math.floor(MAX_LOGITS / vocabulary / 16) * 16));
}

const MAX_LOGITS = 16 * 1024 * 1024;

interface ScoredRow {
  /** Row of the batch whose state predicts the target. */
  readonly row: number;
  readonly target: number;
  readonly window: number;
}

function listScored(batch: WindowBatch, windows: readonly Window[]): ScoredRow[] {
  return batch.windows.flatMap((window, place) => {
    const { tokens, scoredFrom } = windows[window] as Window;
    return Array.from(tokens.subarray(scoredFrom), (target, index) => ({ row: place * batch.length + scoredFrom - 1 + index, target, window }));
  });
}
