import type { Precision } from '../../core/measurement.js';
import type { GraphBuilder } from './graph-builder.js';
import { createInt8Maps } from './int8-maps.js';

/** A matrix of weights that a graph takes as an input. */
export interface LinearMatrix {
  readonly name: string;
  readonly inner: string | number;
  readonly columns: string | number;
  /**
   * How float32 weights lie: [columns, inner] as checkpoints store most of them, or [inner, columns]. Those of 8 bits always
   * lie as [inner, columns], and come with `<name>_scales` [columns].
   */
  readonly layout: 'columns-first' | 'inner-first';
}

/** Values ready to be multiplied by any number of matrices. */
export interface Operand {
  /** Their product with a matrix, [..., columns]. */
  times(matrix: LinearMatrix): Product;
}

export interface Product {
  /** What is missing in it is one factor a row, which the next operand's own row scale takes in. */
  readonly unscaled: string;
  /** One factor a row, [rows, 1]; undefined where nothing is missing. */
  readonly rowScales: string | undefined;
}

/** How a graph computes its linear maps. Everything around them is float32 in every precision. */
export interface LinearMaps {
  /**
   * @param values a value of the graph [..., inner], or a product that was worked on element by element
   * @param spikes `rotated`: values that need spreading over blocks of \`CHANNEL_BLOCK\` in 8 bits, as the matrix's rows are then
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
