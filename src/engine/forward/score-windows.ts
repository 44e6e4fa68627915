import type { Window } from '../../core/ports/evaluator.js';
import type { HeadReader } from '../weights/head-reader.js';
import type { BlockRunner } from './block-runner.js';
import type { HiddenStates } from './hidden-states.js';
import type { WindowBatch } from './window-batches.js';

/** One entry per window. */
export interface WindowScores {
  /** Summed negative log-likelihoods, natural log. */
  readonly losses: Float64Array;
  /** Number of scored tokens that were the most likely ones. */
  readonly hits: Int32Array;
}

export function createWindowScores(windows: number): WindowScores {
  return { losses: new Float64Array(windows), hits: new Int32Array(windows) };
}

/** Batches with their hidden states after the last block. */
export interface EndedBatches {
  readonly batches: readonly WindowBatch[];
  readonly windows: readonly Window[];
  readonly states: HiddenStates;
}

/**
 * Adds each window's loss, in float64, and its hits to `scores`.
 *
 * Only the rows that predict a scored token go through the head, some hundred at a time: all logits of a window of 512
 * tokens of SmolLM2 would take 100 MB. A head of several parts is read once, part by part, whatever the number of
 * batches.
 */
export async function scoreWindows(
  runner: BlockRunner,
  head: HeadReader,
  ended: EndedBatches,
  scores: WindowScores,
  signal: AbortSignal,
): Promise<void> {
  const [only, ...others] = head.parts;
  if (only === undefined) throw new RangeError('a head has at least one part');
  const add = ({ window }: ScoredRow, logLikelihood: number, hit: number): void => {
    scores.losses[window] = (scores.losses[window] ?? 0) - logLikelihood;
    scores.hits[window] = (scores.hits[window] ?? 0) + hit;
  };
  if (others.length > 0) {
    await scoreByParts(runner, head, ended, add, signal);
    return;
  }
  const weights = { norm: head.norm, head: await only.read() };
  for await (const { scored, rows } of listRuns(ended, head, only.tokens, signal)) {
    const found = { logLikelihoods: new Float32Array(scored.length), hits: new Int32Array(scored.length) };
    await runner.scoreTargets(
      weights,
      rows,
      BigInt64Array.from(scored, ({ target }) => BigInt(target)),
      found,
    );
    scored.forEach((row, place) => add(row, found.logLikelihoods[place] as number, found.hits[place] as number));
  }
}

/**
 * Rows that go through the head together: logits of about 64 MB, where the product was fastest, and at most 2,048 rows.
 */
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

async function scoreByParts(
  runner: BlockRunner,
  head: HeadReader,
  ended: EndedBatches,
  add: (row: ScoredRow, logLikelihood: number, hit: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const all = ended.batches.flatMap((batch) => listScored(batch, ended.windows));
  const totals = {
    target: new Float64Array(all.length).fill(NaN),
    most: new Float64Array(all.length).fill(-Infinity),
    logSum: new Float64Array(all.length).fill(-Infinity),
  };
  for (const part of head.parts) {
    const weights = { norm: head.norm, head: await part.read() };
    const holds = (token: number): boolean => token >= part.first && token < part.first + part.tokens;
    for await (const { scored, rows, offset } of listRuns(ended, head, part.tokens, signal)) {
      const found = {
        target: new Float32Array(scored.length),
        most: new Float32Array(scored.length),
        logSum: new Float32Array(scored.length),
      };
      await runner.scorePart(
        weights,
        rows,
        BigInt64Array.from(scored, ({ target }) => BigInt(holds(target) ? target - part.first : 0)),
        found,
      );
      scored.forEach(({ target }, place) => {
        const at = offset + place;
        if (holds(target)) totals.target[at] = found.target[place] as number;
        totals.most[at] = Math.max(totals.most[at] as number, found.most[place] as number);
        totals.logSum[at] = addLogs(totals.logSum[at] as number, found.logSum[place] as number);
      });
    }
  }
  all.forEach((row, at) =>
    add(
      row,
      (totals.target[at] as number) - (totals.logSum[at] as number),
      (totals.target[at] as number) >= (totals.most[at] as number) ? 1 : 0,
    ),
  );
}

/** log(exp(a) + exp(b)) */
function addLogs(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  return high + Math.log1p(Math.exp(low - high));
}

/** The scored rows of all batches, in runs that fit through a head part of this many tokens. */
async function* listRuns(
  { batches, windows, states }: EndedBatches,
  { norm: { length: hidden } }: HeadReader,
  tokens: number,
  signal: AbortSignal,
): AsyncGenerator<{ readonly scored: readonly ScoredRow[]; readonly rows: Float32Array; readonly offset: number }> {
  const rowsPerRun = countHeadRows(tokens);
  let offset = 0; // of the run's first row, over all batches
  for (const [index, batch] of batches.entries()) {
    const inBatch = listScored(batch, windows);
    const from = states[index] as Float32Array;
    for (let start = 0; start < inBatch.length; start += rowsPerRun) {
      signal.throwIfAborted();
      const scored = inBatch.slice(start, start + rowsPerRun);
      const rows = new Float32Array(scored.length * hidden);
      scored.forEach(({ row }, place) => rows.set(from.subarray(row * hidden, (row + 1) * hidden), place * hidden));
      yield { scored, rows, offset };
      offset += scored.length;
    }
  }
}

function listScored(batch: WindowBatch, windows: readonly Window[]): ScoredRow[] {
  return batch.windows.flatMap((window, place) => {
    const { tokens, scoredFrom } = windows[window] as Window;
    return Array.from(tokens.subarray(scoredFrom), (target, index) => ({
      row: place * batch.length + scoredFrom - 1 + index,
      target,
      window,
    }));
  });
}
