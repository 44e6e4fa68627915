import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countAttentionParameters, countFfnParameters, countParameters } from '../../core/model/parameters.js';
import type { ModelShape } from '../../core/model/shape.js';
import { countHeadRows } from './score-windows.js';
import { TOKENS_PER_RUN } from './window-batches.js';

/** How a memory budget is shared out. */
export interface MemoryPlan {
  /** Most bytes of float32 weights that stay in memory. */
  readonly weightBytes: number;
  /** Most bytes of hidden states. */
  readonly stateBytes: number;
  /** `resident`: all weights of the model fit; `streamed`: a layer at a time. */
  readonly layers: 'resident' | 'streamed';
}

/**
 * Shares a budget out between weights and hidden states, after what the graphs themselves need while they run.
 *
 * @param longest tokens of the longest window
 * @throws PrunecastError MEMORY_EXCEEDED where one layer and one batch do not fit
 */
export function planMemory(shape: ModelShape, budgetBytes: number, longest: number): MemoryPlan {
  const least = countLeastBytes(shape, longest);
  const leastBytes = least.graphs + least.weights + least.states;
  if (leastBytes > budgetBytes) {
    throw new PrunecastError(
      'MEMORY_EXCEEDED',
      `one layer of this model on windows of ${longest} tokens needs ${leastBytes} bytes, the memory budget is ${budgetBytes}: raise it or take shorter windows`,
      { metadata: { needed_bytes: String(leastBytes), budget_bytes: String(budgetBytes) } },
    );
  }
  const spare = budgetBytes - leastBytes;
  const weightBytes = least.weights + Math.floor(0.7 * spare);
  return {
    weightBytes,
    stateBytes: least.states + Math.floor(0.3 * spare),
    layers: countWeightBytes(shape) <= weightBytes ? 'resident' : 'streamed',
  };
}

/** Bytes that an evaluation of one architecture on windows of so many tokens may come to, at most the budget. */
export function estimatePeakBytes(shape: ModelShape, budgetBytes: number, { longest, tokens }: { readonly longest: number; readonly tokens: number }): number {
  const least = countLeastBytes(shape, longest);
  const states = Math.max(least.states, 3 * 4 * tokens * shape.hidden);
  return Math.min(budgetBytes, least.graphs + Math.max(least.weights, countWeightBytes(shape)) + states);
}

function countWeightBytes(shape: ModelShape): number {
  return 4 * countParameters(shape, shape.layers);
}

/** Without these nothing runs: the arrays within the largest graphs, one layer, and one batch before, after and beside it. */
function countLeastBytes(shape: ModelShape, longest: number): { readonly graphs: number; readonly weights: number; readonly states: number } {
  const tokens = Math.max(TOKENS_PER_RUN, longest);
  const layers = shape.layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
    attentionValues: tokens * (shape.hidden + 2 * kvHeads * (queryHeadsPerKv + 1) * shape.headDim + kvHeads * queryHeadsPerKv * longest),
    ffnValues: tokens * (2 * shape.hidden + 3 * ffnChannels),
    parameters: Math.max(countAttentionParameters(shape, kvHeads, queryHeadsPerKv), countFfnParameters(shape, ffnChannels)),
  }));
  const most = (field: keyof (typeof layers)[number]): number => Math.max(0, ...layers.map((layer) => layer[field]));
  const headValues = 2 * countHeadRows(shape.vocabulary) * shape.vocabulary;
  return {
    graphs: 4 * (most('attentionValues') + most('ffnValues') + headValues),
    // A matrix is there twice while it is sorted.
    weights: Math.max(8 * most('parameters'), 4 * shape.vocabulary * shape.hidden),
    states: 3 * 4 * tokens * shape.hidden,
  };
}
