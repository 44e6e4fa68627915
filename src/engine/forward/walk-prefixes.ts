import type { RunBatch } from '../../core/run-batches.js';
import type { HalfBlocks, HalfStep } from '../weights/half-blocks.js';
import type { EmbeddingTable } from '../weights/token-tables.js';
import type { BlockRunner } from './block-runner.js';
import { embedRuns, type HiddenStates, type StatePool } from './hidden-states.js';
import type { PrefixNode } from './prefix-tree.js';
import { createScratch, runBatch } from './run-batch.js';

/** What a walk through the tree works with. */
export interface WalkContext {
  readonly runner: BlockRunner;
  readonly hidden: number;
  readonly headDim: number;
  readonly embedding: EmbeddingTable;
}

/** What a walk runs on. */
export interface WalkedBatches {
  readonly batches: readonly RunBatch[];
  /** Lends the arrays for hidden states. */
  readonly pool: StatePool;
}

/** A node at which architectures end, with the hidden states of all batches after their last block. */
export interface EndedNode {
  readonly node: PrefixNode;
  /** Valid until the next node is asked for. */
  readonly states: HiddenStates;
}

/** Two orders of running all half-blocks of a tree, each once. */
export interface Walk {
  /** Ends come one after the other. Only the states at open branches are held, besides those being computed. */
  depthFirst(root: PrefixNode): AsyncGenerator<EndedNode>;
  /** A layer's weights serve the whole tree before the next layer's weights are read; all ends come last. */
  layerMajor(root: PrefixNode): AsyncGenerator<EndedNode>;
}

/** @param passed is told which part of a half-block's run is over, batch by batch */
export function createWalk(
  { runner, headDim, embedding }: WalkContext,
  weights: HalfBlocks,
  { batches, pool }: WalkedBatches,
  signal: AbortSignal,
  passed: (part: number) => void = () => undefined,
): Walk {
  const embed = (): Promise<HiddenStates> => embedRuns(embedding, batches, pool);
  const context = { runner, headDim, scratch: createScratch() };
  const release = (states: HiddenStates): void => states.forEach((batch) => pool.give(batch));

  /**
   * The states after one more half-block; `release` returns the array of each batch to the pool as soon as it is read.
   */
  const advance = async (
    step: HalfStep | undefined,
    from: HiddenStates,
    afterwards: 'keep' | 'release',
  ): Promise<HiddenStates> => {
    const half = step === undefined ? { kind: 'nothing' as const } : await weights.prepare(step);
    const to: Float32Array[] = [];
    for (const [index, batch] of batches.entries()) {
      const input = from[index] as Float32Array;
      const output = pool.take(input.length);
      if (half.kind === 'nothing') output.set(input);
      else await runBatch(context, half, batch, input, output, signal);
      if (afterwards === 'release') pool.give(input);
      to.push(output);
      passed(1 / batches.length);
    }
    return to;
  };

  async function* descend(start: PrefixNode, startStates: HiddenStates): AsyncGenerator<EndedNode> {
    let node = start;
    let states = startStates;
    for (;;) {
      if (node.ends.length > 0) yield { node, states };
      const last = node.children.at(-1);
      for (const child of node.children.slice(0, -1)) yield* descend(child, await advance(child.step, states, 'keep'));
      if (last === undefined) break;
      states = await advance(last.step, states, 'release');
      node = last;
    }
    release(states);
  }

  async function* sweep(root: PrefixNode): AsyncGenerator<EndedNode> {
    let frontier: { node: PrefixNode; states: HiddenStates; left: number }[] = [
      { node: root, states: await embed(), left: root.children.length },
    ];
    while (frontier.some(({ left }) => left > 0)) {
      const place = Math.min(
        ...frontier.flatMap(({ node, left }) => (left === 0 ? [] : node.children.map(({ step }) => orderOf(step)))),
      );
      const next: typeof frontier = [];
      for (const entry of frontier) {
        const due = entry.node.children.filter(({ step }) => orderOf(step) === place);
        for (const child of due) {
          entry.left -= 1;
          const states = await advance(
            child.step,
            entry.states,
            entry.left === 0 && entry.node.ends.length === 0 ? 'release' : 'keep',
          );
          next.push({ node: child, states, left: child.children.length });
        }
        if (entry.left > 0 || entry.node.ends.length > 0) next.push(entry);
      }
      frontier = next;
    }
    for (const { node, states } of frontier) {
      yield { node, states };
      release(states);
    }
  }

  return {
    depthFirst: async function* depthFirst(root) {
      yield* descend(root, await embed());
    },
    layerMajor: sweep,
  };
}

/** Half-blocks in the order of the forward pass. */
function orderOf(step: HalfStep | undefined): number {
  return step === undefined ? -1 : 2 * step.layer + (step.half === 'attention' ? 0 : 1);
}
