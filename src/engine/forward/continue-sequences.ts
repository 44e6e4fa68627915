import type { Architecture } from '../../core/model/shape.js';
import type { Sequence } from '../../core/sequence.js';
import type { HalfBlocks } from '../weights/half-blocks.js';
import type { ForwardContext } from './evaluate-architectures.js';
import { createStatePool } from './hidden-states.js';
import { buildPrefixTree, type PrefixNode } from './prefix-tree.js';
import { countHeadRows } from './score-spans.js';
import { batchSequences, TOKENS_PER_RUN } from '../../core/sequence-batches.js';
import { createWalk } from './walk-prefixes.js';

/** How sequences are continued. */
export interface Continuing {
  /** Most tokens that a sequence is continued by. */
  readonly most: number;
  /** Tokens that end a text. */
  readonly endTokens: readonly number[];
}

/**
 * The tokens that an architecture adds to each sequence without spans, every one the most likely next; see
 * `Observation`. None for the others.
 *
 * The model runs over the whole sequence again for each token, which needs no cache of keys and values. Sequences that
 * run together do so to the end, also those that have ended, so that a sequence always gets the same arithmetic.
 */
export async function continueSequences(
  context: ForwardContext,
  weights: HalfBlocks,
  architecture: Architecture,
  all: readonly Sequence[],
  { most, endTokens }: Continuing,
  signal: AbortSignal,
): Promise<Int32Array[]> {
  const tree = buildPrefixTree([architecture], weights.keepsDropped);
  const continuations = all.map(() => new Int32Array());
  const continued = [...all.keys()].filter((place) => all[place]?.spans.length === 0);
  const sequences = continued.map((place) => all[place] as Sequence);
  for (const batch of batchSequences(sequences)) {
    const together = Math.max(1, Math.floor(TOKENS_PER_RUN / (batch.length + most)));
    for (let from = 0; from < batch.sequences.length; from += together) {
      const places = batch.sequences.slice(from, from + together);
      let texts = places.map((place) => sequences[place]?.tokens ?? new Int32Array());
      const added = places.map((): number[] => []);
      const open = new Set(added.keys());
      for (let step = 0; step < most && open.size > 0; step++) {
        const next = await predictNext(context, weights, tree, texts, signal);
        for (const row of open) {
          const token = next[row] as number;
          if (endTokens.includes(token)) open.delete(row);
          else added[row]?.push(token);
        }
        texts = texts.map((tokens, row) => Int32Array.of(...tokens, next[row] as number));
      }
      for (const [row, place] of places.entries())
        continuations[continued[place] as number] = Int32Array.from(added[row] ?? []);
    }
  }
  return continuations;
}

/** The most likely token after each text; all are of one length. */
async function predictNext(
  context: ForwardContext,
  weights: HalfBlocks,
  tree: PrefixNode,
  texts: readonly Int32Array[],
  signal: AbortSignal,
): Promise<Int32Array> {
  const { hidden } = context;
  const length = texts[0]?.length ?? 0;
  const last = new Float32Array(texts.length * hidden);
  const walk = createWalk(
    context,
    weights,
    {
      batches: [
        {
          runs: texts.map((tokens, place) => ({ tokens, from: 0, row: place * length })),
          readers: [],
          rows: texts.length * length,
        },
      ],
      pool: createStatePool(),
    },
    signal,
  );
  for await (const {
    states: [states = new Float32Array()],
  } of walk.depthFirst(tree))
    for (const row of texts.keys()) {
      const end = (row + 1) * length * hidden;
      last.set(states.subarray(end - hidden, end), row * hidden);
    }
  return pickMostLikely(context, last);
}

/** The most likely token after each row of `states`, [rows, hidden]. */
async function pickMostLikely({ head, hidden, runner }: ForwardContext, states: Float32Array): Promise<Int32Array> {
  const rows = states.length / hidden;
  const picked = new Int32Array(rows);
  const most = new Float32Array(rows).fill(-Infinity);
  const { norm, parts } = await head();
  for (const part of parts) {
    const weights = { norm, head: await part.read() };
    const together = countHeadRows(part.tokens);
    for (let from = 0; from < rows; from += together) {
      const to = Math.min(from + together, rows);
      const logits = new Float32Array((to - from) * part.tokens);
      await runner.computeLogits(weights, states.subarray(from * hidden, to * hidden), logits);
      for (let row = from; row < to; row++) {
        const own = logits.subarray((row - from) * part.tokens, (row - from + 1) * part.tokens);
        for (const [token, logit] of own.entries())
          if (logit > (most[row] as number)) [most[row], picked[row]] = [logit, part.first + token];
      }
    }
  }
  return picked;
}
