import type { Architecture } from '../../core/model/shape.js';
import type { RunBatch } from '../../core/run-batches.js';
import { countSpans, placeSpans, type Sequence } from '../../core/sequence.js';
import type { Observation } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { HalfBlocks } from '../weights/half-blocks.js';
import type { HeadReader } from '../weights/head-reader.js';
import type { Residence } from '../weights/token-tables.js';
import { createStatePool, type HiddenStates } from './hidden-states.js';
import { planPasses } from './plan-passes.js';
import { buildPrefixTree } from './prefix-tree.js';
import { compareSpans } from './compare-spans.js';
import { scoreSpans } from './score-spans.js';
import { copySpans, createSpanScores, type SpanScores } from './span-scores.js';
import { createWalk, type WalkContext, type WalkedBatches } from './walk-prefixes.js';

/** What an evaluation works with. */
export interface ForwardContext extends WalkContext {
  readonly head: () => Promise<HeadReader>;
  /** Most bytes of hidden states at once. */
  readonly stateBytes: number;
  /**
   * `resident`: all sorted layers stay in memory; `streamed`: a layer serves all architectures before the next one is
   * read.
   */
  readonly layers: Residence;
}

/** Sequences, and the batches that they run in. */
export interface BatchedSequences {
  readonly sequences: readonly Sequence[];
  /** From `planRuns`, all of them or some. */
  readonly batches: readonly RunBatch[];
}

/** The model whose predictions are compared with those of its architectures. */
export interface DenseModel {
  readonly weights: HalfBlocks;
  readonly architecture: Architecture;
}

/**
 * The losses of architectures on sequences, and how far their predictions are from the dense model's. What architectures
 * have in common is computed once. Results are bit for bit those of one architecture alone, because the same graphs run
 * on the same batches.
 *
 * @param dense runs once per group of batches, and its last hidden states stay until the architectures have been
 * compared with them; undefined: nothing is compared
 */
export async function* evaluateArchitectures(
  context: ForwardContext,
  weights: HalfBlocks,
  architectures: readonly Architecture[],
  { sequences, batches }: BatchedSequences,
  work: WorkContext,
  dense?: DenseModel,
): AsyncGenerator<Observation> {
  if (batches.length === 0) {
    for (const index of architectures.keys()) yield { index, ...createScores(countSpans(sequences), dense) };
    return;
  }
  const places = placeSpans(sequences);
  const spans = countSpans(sequences);
  const heldStates = (part: readonly Architecture[]): number =>
    (context.layers === 'resident' ? buildPrefixTree(part, weights.keepsDropped).heldStates : part.length) +
    (dense === undefined ? 1 : 2);
  const passes = planPasses(architectures, batches, {
    bytesOf: (batch) => 4 * batch.rows * context.hidden,
    heldStates,
    limitBytes: context.stateBytes,
  });
  const report = createReporter(
    work,
    (architectures.length + (dense === undefined ? 0 : passes.length)) * countTokens(batches),
  );

  for (const { first, count, groups } of passes) {
    const part = architectures.slice(first, first + count);
    const tree = buildPrefixTree(part, weights.keepsDropped);
    const sums = part.map(() => createScores(spans, dense));
    let isPaid = dense === undefined;
    for (const [number, group] of groups.entries()) {
      const pool = createStatePool();
      const walked = { batches: group, sequences, pool };
      const expected =
        dense === undefined
          ? []
          : await runDense(context, dense, walked, work.signal, (steps) => report.share(countTokens(group), steps));
      const walk = createWalk(
        context,
        weights,
        walked,
        work.signal,
        report.share(part.length * countTokens(group), tree.steps),
      );
      const ended = context.layers === 'resident' ? walk.depthFirst(tree) : walk.layerMajor(tree);
      for await (const { node, states } of ended) {
        const scores = createScores(spans, dense);
        const head = await context.head();
        const batched = { ...walked, places, states };
        await scoreSpans(context.runner, head, batched, scores, work.signal);
        const { divergences, agreements } = scores;
        if (divergences !== undefined && agreements !== undefined)
          await compareSpans(context.runner, head, batched, expected, { divergences, agreements }, work.signal);
        report.learn(node.ends.length * countReaders(group));
        for (const end of node.ends) {
          const sum = sums[end] as SpanScores;
          for (const { sequence } of group.flatMap(({ readers }) => readers)) {
            const first = places[sequence] as number;
            copySpans({ scores, first }, { scores: sum, first }, sequences[sequence]?.spans.length ?? 0);
          }
          if (number < groups.length - 1) continue;
          yield { index: first + end, ...sum, ...(isPaid ? {} : { furtherTokens: countTokens(batches) }) };
          isPaid = true;
        }
      }
    }
  }
}

function createScores(spans: number, dense: DenseModel | undefined): SpanScores {
  return createSpanScores(spans, dense === undefined ? {} : { divergences: 'wanted', agreements: 'wanted' });
}

/** The dense model's hidden states after its last block; they belong to the caller. */
async function runDense(
  context: ForwardContext,
  { weights, architecture }: DenseModel,
  walked: WalkedBatches,
  signal: AbortSignal,
  startReport: (steps: number) => (part: number) => void,
): Promise<HiddenStates> {
  const tree = buildPrefixTree([architecture], weights.keepsDropped);
  const walk = createWalk(context, weights, walked, signal, startReport(tree.steps));
  // A walk that is left where an architecture ends gives no states back.
  for await (const { states } of walk.depthFirst(tree)) return states;
  return [];
}

function countTokens(batches: readonly RunBatch[]): number {
  return batches.reduce((sum, { rows }) => sum + rows, 0);
}

/**
 * Reports progress in tokens. A tree's share of them is spread over its steps: a shared step counts for all that share
 * it.
 */
function createReporter({ report }: WorkContext, total: number): ForwardReporter {
  let [done, known] = [0, 0];
  const tell = (): void => report?.({ what: 'tokens', done: Math.min(total, Math.round(done)), total, known });
  return {
    share: (tokens, steps) => (part) => {
      done += (part * tokens) / steps;
      tell();
    },
    learn: (sequences) => {
      known += sequences;
      tell();
    },
  };
}

interface ForwardReporter {
  share(tokens: number, steps: number): (part: number) => void;
  /** The numbers of so many more sequences are known. */
  learn(sequences: number): void;
}

function countReaders(batches: readonly RunBatch[]): number {
  return batches.reduce((sum, { readers }) => sum + readers.length, 0);
}
