import { createGraphBuilder } from './graph-builder.js';

/**
 * Column sums of a batch, in float64 so that a variance can be taken from them.
 *
 * Input: `values` [batch, length, width]. Outputs: `sum` and `sum_of_squares`, float64 [width].
 */
export function buildStatisticsGraph(): Uint8Array {
  const graph = createGraphBuilder('statistics');
  const values = graph.input('values', ['batch', 'length', 'width']);
  const wide = graph.node('Cast', [values], { attributes: { to: DOUBLE } });
  const overTokens = graph.integers([0, 1]);
  graph.output(
    'sum',
    graph.node('ReduceSum', [wide, overTokens], { attributes: { keepdims: 0n } }),
    ['width'],
    'float64',
  );
  graph.output(
    'sum_of_squares',
    graph.node('ReduceSumSquare', [wide, overTokens], { attributes: { keepdims: 0n } }),
    ['width'],
    'float64',
  );
  return graph.encode();
}

const DOUBLE = 11n;
