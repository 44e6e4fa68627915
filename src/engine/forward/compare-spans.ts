import type { HeadReader } from '../weights/head-reader.js';
import type { BlockRunner, PartComparison } from './block-runner.js';
import type { HiddenStates } from './hidden-states.js';
import { countBatched, countHeadRows, listRuns, type EndedBatches } from './score-spans.js';

/** What spans have of a comparison, one entry per span. */
export interface SpanComparison {
  /** Summed KL divergences of the next-token distributions, natural log. */
  readonly divergences: Float64Array;
  /** Number of scored tokens for which both models find the same token most likely. */
  readonly agreements: Int32Array;
}

/**
 * Adds each span's KL(dense || pruned), in float64, and its agreements to `found`.
 *
 * As in `scoreSpans`, only the rows that predict a scored token go through the head, and no more logits are there at once;
 * those of a row and of its dense counterpart side by side. A head of several parts is read once, part by part: with w
 * and v the shares of a part in both distributions, the divergence of the whole is that of the shares, sum w log(w / v),
 * and w times that within each part.
 *
 * @param dense the dense model's hidden states after its last block, for the same batches
 */
export async function compareSpans(
  runner: BlockRunner,
  head: HeadReader,
  ended: EndedBatches,
  dense: HiddenStates,
  found: SpanComparison,
  signal: AbortSignal,
): Promise<void> {
  const count = ended.batches.reduce((sum, batch) => sum + countBatched(batch, ended.sequences), 0);
  const rows: ComparedRow[] = [];
  const spanOf = new Int32Array(count);
  for (const part of head.parts) {
    const weights = { norm: head.norm, head: await part.read() };
    const sides = { states: [dense, ended.states], rows: countComparedRows(part.tokens) };
    for await (const { scored, states, offset } of listRuns(ended, head, sides, signal)) {
      const { spans } = scored;
      const compared = createPartComparison(spans.length);
      await runner.comparePart(weights, states, compared);
      spanOf.set(spans, offset);
      for (const place of spans.keys()) {
        const own = readRow(compared, place, spans.length, part.first);
        const before = rows[offset + place];
        rows[offset + place] = before === undefined ? own : joinParts(before, own);
      }
    }
  }
  for (const [place, { divergence, dense: expected, pruned }] of rows.entries()) {
    const span = spanOf[place] as number;
    // Rounding can leave equal distributions a tiny number below 0.
    found.divergences[span] = (found.divergences[span] ?? 0) + Math.max(0, divergence);
    found.agreements[span] = (found.agreements[span] ?? 0) + (expected.token === pruned.token ? 1 : 0);
  }
}

/** Rows that are compared at once: the logits of both models take as much as those of the rows that are scored at once. */
export function countComparedRows(vocabulary: number): number {
  return countHeadRows(vocabulary) / 2;
}

/** What one model makes of a row, in a part of the vocabulary or several. */
interface Side {
  /** Log of the sum of exp(logit). */
  readonly logSum: number;
  /** The largest logit, and the first token that has it. */
  readonly most: number;
  readonly token: number;
}

interface ComparedRow {
  /** KL(dense || pruned) within the part or parts. */
  readonly divergence: number;
  readonly dense: Side;
  readonly pruned: Side;
}

function createPartComparison(rows: number): PartComparison {
  return {
    divergence: new Float32Array(rows),
    logSum: new Float32Array(2 * rows),
    most: new Float32Array(2 * rows),
    likeliest: new Int32Array(2 * rows),
  };
}

function readRow(
  { divergence, logSum, most, likeliest }: PartComparison,
  row: number,
  rows: number,
  firstToken: number,
): ComparedRow {
  const side = (at: number): Side => ({
    logSum: logSum[at] as number,
    most: most[at] as number,
    token: firstToken + (likeliest[at] as number),
  });
  return { divergence: divergence[row] as number, dense: side(row), pruned: side(rows + row) };
}

function joinParts(a: ComparedRow, b: ComparedRow): ComparedRow {
  const [dense, pruned] = [joinSides(a.dense, b.dense), joinSides(a.pruned, b.pruned)];
  const share = (own: ComparedRow): number => {
    const [log, logPruned] = [own.dense.logSum - dense.logSum, own.pruned.logSum - pruned.logSum];
    return Math.exp(log) * (own.divergence + log - logPruned);
  };
  return { divergence: share(a) + share(b), dense, pruned };
}

function joinSides(a: Side, b: Side): Side {
  const [low, high] = a.logSum < b.logSum ? [a.logSum, b.logSum] : [b.logSum, a.logSum];
  const { most, token } = b.most > a.most ? b : a;
  return { logSum: high + Math.log1p(Math.exp(low - high)), most, token };
}
