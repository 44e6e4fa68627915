import type { Precision } from '../../core/measurement.js';
import { CHANNEL_BLOCK, hadamard } from '../quantisation/rotate-rows.js';
import type { GraphBuilder } from './graph-builder.js';

/** A weight matrix that a graph has as an input. */
export interface LinearMatrix {
  readonly name: string;
  readonly inner: string | number;
  readonly columns: string | number;
  /**
   * Layout of float32 weights: [columns, inner] as checkpoints store most of them, or [inner, columns]. Weights in 8
   * bits are always [inner, columns], and come with `<name>_scales` [columns].
   */
  readonly layout: 'columns-first' | 'inner-first';
}

/** Values that are ready to be multiplied by any number of matrices. */
export interface Operand {
  /** Their product with a matrix, [..., columns]. */
  times(matrix: LinearMatrix): Product;
}

export interface Product {
  /** The product without one factor per row, which the row scale of the next operand can include. */
  readonly unscaled: string;
  /** One factor per row, [rows, 1]; undefined: the product is complete. */
  readonly rowScales: string | undefined;
}

/** How a graph computes its linear maps. Everything around them is float32 in every precision. */
export interface LinearMaps {
  /**
   * @param values a value of the graph [..., inner], or a product that was processed element by element
   * @param spikes `rotated`: in 8 bits, spread large values over blocks of `CHANNEL_BLOCK`; the matrix's rows are
   * rotated too
   */
  operand(values: string | Product, spikes?: 'rotated'): Operand;
  /** The product with all its factors. */
  finish(product: Product): string;
}

export function createLinearMaps(graph: GraphBuilder, precision: Precision): LinearMaps {
  return precision === 'int8' ? createInt8Maps(graph) : createFloat32Maps(graph);
}

function createFloat32Maps(graph: GraphBuilder): LinearMaps {
  return {
    operand: (values) => ({
      times: ({ name, inner, columns, layout }) => {
        const operands = [
          typeof values === 'string' ? values : values.unscaled,
          graph.input(name, layout === 'inner-first' ? [inner, columns] : [columns, inner]),
        ];
        const unscaled =
          layout === 'inner-first'
            ? graph.node('MatMul', operands)
            : graph.node('FusedMatMul', operands, { domain: 'com.microsoft', attributes: { transB: 1n } });
        return { unscaled, rowScales: undefined };
      },
    }),
    finish: ({ unscaled }) => unscaled,
  };
}

/**
 * Linear maps in 8 bits. Activations are quantised when they arrive, symmetrically, each row by its own largest value,
 * to uint8 with zero point 128. Weights are int8 with one scale per column (`quantiseMatrix`). Sums are exact in int32.
 *
 * With x = s_row (a - 128) and w = s_column b, the product is s_row s_column sum (a - 128) b. The kernel multiplies by
 * s_column itself; s_row is kept separate, because it costs a pass over the product that not all products need.
 */
function createInt8Maps(graph: GraphBuilder): LinearMaps {
  const zeroPoint = graph.integers([ZERO_POINT], 'uint8');
  const unit = graph.floats([1]);

  return {
    operand: (source, spikes) => {
      const { unscaled: values, rowScales: pending } =
        typeof source === 'string' ? { unscaled: source, rowScales: undefined } : source;
      const rows = graph.node('Flatten', [spikes === 'rotated' ? addRotation(graph, values) : values], {
        attributes: { axis: -1n },
      });
      const scales = addRowScales(graph, rows);
      const zeroPoints = graph.node('Expand', [zeroPoint, graph.node('Shape', [scales])]);
      const quantised = graph.node('QuantizeLinear', [rows, scales, zeroPoints], { attributes: { axis: 0n } });
      const column = graph.node('Unsqueeze', [scales, graph.integers([1])]);
      const rowScales = pending === undefined ? column : graph.node('Mul', [column, pending]);
      const leading = graph.node(
        'Concat',
        [graph.node('Shape', [values], { attributes: { start: 0n, end: -1n } }), graph.integers([-1])],
        { attributes: { axis: 0n } },
      );
      return {
        times: ({ name, inner, columns }) => {
          const weights = [graph.input(name, [inner, columns], 'int8'), unit, graph.input(`${name}_scales`, [columns])];
          const product = graph.node('MatMulIntegerToFloat', [quantised, ...weights, zeroPoint], {
            domain: 'com.microsoft',
          });
          return { unscaled: graph.node('Reshape', [product, leading]), rowScales };
        },
      };
    },
    finish: ({ unscaled, rowScales }) => {
      if (rowScales === undefined) return unscaled;
      const shape = graph.node('Shape', [unscaled]);
      const scaled = graph.node('Mul', [graph.node('Flatten', [unscaled], { attributes: { axis: -1n } }), rowScales]);
      return graph.node('Reshape', [scaled, shape]);
    },
  };
}

function addRotation(graph: GraphBuilder, values: string): string {
  const size = [CHANNEL_BLOCK, CHANNEL_BLOCK];
  const matrix = graph.node('Reshape', [graph.floats([...hadamard(CHANNEL_BLOCK)]), graph.integers(size)]);
  const blocks = graph.node('Reshape', [values, graph.integers([-1, CHANNEL_BLOCK])]);
  return graph.node('Reshape', [graph.node('MatMul', [blocks, matrix]), graph.node('Shape', [values])]);
}

/** The largest magnitude of each row divided by 127, [rows]; for a row of zeros, so small that all values stay zero. */
function addRowScales(graph: GraphBuilder, rows: string): string {
  const axis = graph.integers([1]);
  const extreme = (operator: 'ReduceMax' | 'ReduceMin'): string =>
    graph.node(operator, [rows, axis], { attributes: { keepdims: 0n } });
  const largest = graph.node('Max', [extreme('ReduceMax'), graph.node('Neg', [extreme('ReduceMin')])]);
  return graph.node('Max', [graph.node('Mul', [largest, graph.floats([1 / 127])]), graph.floats([1e-30])]);
}

const ZERO_POINT = 128;
