import type { Architecture } from '../../core/model/shape.js';
import { countSpans, placeSpans, type Sequence } from '../../core/sequence.js';
import type { Observation } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { HalfBlocks } from '../weights/half-blocks.js';
import type { HeadReader } from '../weights/head-reader.js';
import type { Residence } from '../weights/token-tables.js';
import { countStates, createStatePool } from './hidden-states.js';
import { planPasses } from './plan-passes.js';
import { buildPrefixTree } from './prefix-tree.js';
import { createSpanScores, scoreSpans, type SpanScores } from './score-spans.js';
import { createWalk, type WalkContext } from './walk-prefixes.js';
import { batchSequences, type SequenceBatch } from './sequence-batches.js';

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

/**
 * The losses of architectures on sequences. What architectures have in common is computed once. Results are bit for bit
 * those of one architecture alone, because the same graphs run on the same batches.
 */
export async function* evaluateArchitectures(
  context: ForwardContext,
  weights: HalfBlocks,
  architectures: readonly Architecture[],
  sequences: readonly Sequence[],
  work: WorkContext,
): AsyncGenerator<Observation> {
  const batches = batchSequences(sequences);
  if (batches.length === 0) {
    for (const index of architectures.keys()) yield { index, ...createSpanScores(0) };
    return;
  }
  const places = placeSpans(sequences);
  const spans = countSpans(sequences);
  const heldStates = (part: readonly Architecture[]): number =>
    (context.layers === 'resident' ? buildPrefixTree(part, weights.keepsDropped).heldStates : part.length) + 1;
  const passes = planPasses(architectures, batches, {
    bytesOf: (batch) => 4 * countStates(batch, context.hidden),
    heldStates,
    limitBytes: context.stateBytes,
  });
  const report = createReporter(
    work,
    architectures.length * sequences.reduce((sum, { tokens }) => sum + tokens.length, 0),
  );

  for (const { first, count, groups } of passes) {
    const part = architectures.slice(first, first + count);
    const tree = buildPrefixTree(part, weights.keepsDropped);
    const sums = part.map(() => createSpanScores(spans));
    for (const [number, group] of groups.entries()) {
      const pool = createStatePool();
      const walk = createWalk(
        context,
        weights,
        { batches: group, sequences, pool },
        work.signal,
        report.share(part.length * countTokens(group), tree.steps),
      );
      const ended = context.layers === 'resident' ? walk.depthFirst(tree) : walk.layerMajor(tree);
      for await (const { node, states } of ended) {
        const scores = createSpanScores(spans);
        await scoreSpans(
          context.runner,
          await context.head(),
          { batches: group, sequences, places, states, pool },
          scores,
          work.signal,
        );
        for (const end of node.ends) {
          const { losses, hits } = sums[end] as SpanScores;
          for (const sequence of group.flatMap((batch) => batch.sequences)) {
            const first = places[sequence] as number;
            const end = first + (sequences[sequence]?.spans.length ?? 0);
            losses.set(scores.losses.subarray(first, end), first);
            hits.set(scores.hits.subarray(first, end), first);
          }
          if (number === groups.length - 1) yield { index: first + end, losses, hits };
        }
      }
    }
  }
}

function countTokens(batches: readonly SequenceBatch[]): number {
  return batches.reduce((sum, { sequences, length }) => sum + sequences.length * length, 0);
}

/**
 * Reports progress in tokens. A tree's share of them is spread over its steps: a shared step counts for all that share
 * it.
 */
function createReporter({ report }: WorkContext, total: number): { share(tokens: number, steps: number): () => void } {
  let done = 0;
  return {
    share: (tokens, steps) => () => {
      done += tokens / steps;
      report?.({ what: 'tokens', done: Math.min(total, Math.round(done)), total });
    },
  };
}
