import type { RopeConfig } from '../../../engine/config/config.js';
import { computeRopeFrequencies } from '../../../engine/forward/rotary-tables.js';
import type { GraphBuilder } from '../../../engine/graph/graph-builder.js';
import { cast } from './cast.js';

/** Names of sizes, as Optimum has them. */
export const [BATCH, LENGTH, PAST, TOTAL] = [
  'batch_size',
  'sequence_length',
  'past_sequence_length',
  'past_sequence_length + sequence_length',
] as const;

/** What all layers need to know of the tokens of a run. */
export interface TokenInputs {
  /** int64 [batch, length]. */
  readonly ids: string;
  /** batch and length, int64 [2]. */
  readonly size: string;
  /** Length with that of the past, int64 [1]. */
  readonly total: string;
  /** Of each token, [batch, length, 1, head_dim / 2]. */
  readonly cos: string;
  readonly sin: string;
  /**
   * Which tokens each sees, bool [batch, 1, 1, length, total].
   *
   * @param slidingWindow how many of the last tokens, counting itself; undefined: all before it
   */
  mask(slidingWindow: number | undefined): string;
}

/** Adds the inputs `input_ids`, `attention_mask` (1: a token, 0: padding) and `position_ids`, all int64. */
export function addTokenInputs(graph: GraphBuilder, rope: RopeConfig, headDim: number): TokenInputs {
  const ids = graph.input('input_ids', [BATCH, LENGTH], 'int64');
  const attention = graph.input('attention_mask', [BATCH, TOTAL], 'int64');
  const positions = graph.input('position_ids', [BATCH, LENGTH], 'int64');
  const masks = new Map<number | undefined, string>();
  const scalar = (value: string): string => graph.node('Squeeze', [value]);
  const sizeOf = (value: string): string => graph.node('Shape', [value], { attributes: { start: 1n, end: 2n } });
  const [length, total] = [sizeOf(ids), sizeOf(attention)];

  const addMask = (slidingWindow: number | undefined): string => {
    const [zero, one] = [scalar(graph.integers([0])), scalar(graph.integers([1]))];
    const keys = graph.node('Range', [zero, scalar(total), one]);
    const past = scalar(graph.node('Sub', [total, length]));
    const queries = graph.node('Unsqueeze', [graph.node('Range', [past, scalar(total), one]), graph.integers([1])]);
    const before = graph.node('LessOrEqual', [keys, queries]);
    const near =
      slidingWindow === undefined
        ? before
        : graph.node('And', [
            before,
            graph.node('Greater', [keys, graph.node('Sub', [queries, graph.integers([slidingWindow])])]),
          ]);
    const present = graph.node('Unsqueeze', [cast(graph, attention, 'int64', 'bool'), graph.integers([1, 2, 3])]);
    return graph.node('And', [present, near]);
  };

  return {
    ids,
    size: graph.node('Shape', [ids]),
    total,
    ...addAngles(graph, positions, rope, headDim),
    mask: (slidingWindow) => {
      const mask = masks.get(slidingWindow) ?? addMask(slidingWindow);
      masks.set(slidingWindow, mask);
      return mask;
    },
  };
}

/** The angle of position p and pair i is p times the frequency of pair i ("RoFormer", arXiv 2104.09864). */
function addAngles(
  graph: GraphBuilder,
  positions: string,
  rope: RopeConfig,
  headDim: number,
): Pick<TokenInputs, 'cos' | 'sin'> {
  const { perPosition, scale } = computeRopeFrequencies(rope, headDim, 1);
  const fixed = graph.floats(perPosition);
  const frequencies =
    rope.scaling?.kind === 'dynamic'
      ? graph.node('Mul', [fixed, addStretch(graph, positions, rope.scaling, headDim)])
      : fixed;
  const apart = graph.node('Unsqueeze', [cast(graph, positions, 'int64', 'float32'), graph.integers([2, 3])]);
  const angles = graph.node('Mul', [apart, frequencies]);
  const turn = (operator: 'Cos' | 'Sin'): string => {
    const values = graph.node(operator, [angles]);
    return scale === 1 ? values : graph.node('Mul', [values, graph.floats([scale])]);
  };
  return { cos: turn('Cos'), sin: turn('Sin') };
}

/**
 * Dynamic NTK scaling: theta grows by s^(d / (d - 2)), so that the frequency of pair i is multiplied by s^(-2 i / (d -
 * 2)), where s is 1 up to the original context and grows with the last position.
 */
function addStretch(
  graph: GraphBuilder,
  positions: string,
  { factor, originalMaxPositions }: Extract<RopeConfig['scaling'], { readonly kind: 'dynamic' }>,
  headDim: number,
): string {
  const last = graph.node('ReduceMax', [positions], { attributes: { keepdims: 0n } });
  const length = cast(graph, graph.node('Add', [last, graph.integers([1])]), 'int64', 'float32');
  const grown = graph.node('Sub', [
    graph.node('Mul', [length, graph.floats([factor / originalMaxPositions])]),
    graph.floats([factor - 1]),
  ]);
  const exponents = Array.from({ length: headDim / 2 }, (_, pair) => (-2 * pair) / (headDim - 2));
  return graph.node('Pow', [graph.node('Max', [grown, graph.floats([1])]), graph.floats(exponents)]);
}
