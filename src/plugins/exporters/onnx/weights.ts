import type { PrunedTensor } from '../../../core/ports/exporter.js';
import { convertTensor } from '../../../engine/checkpoint/convert-tensor.js';
import type { GraphBuilder } from '../../../engine/graph/graph-builder.js';
import type { StoredTensor } from '../../../engine/graph/write-onnx.js';
import { cast } from './cast.js';
import { BLOCK, quantiseTensor } from './quantise-tensor.js';

/** How matrices are stored. */
export type MatrixType = FloatType | 'int8';

/** How values are computed. */
export type FloatType = 'float32' | 'float16';

/** The type of the products of matrices of a type: with 8-bit weights, activations are float32. */
export function productType(type: MatrixType): FloatType {
  return type === 'float16' ? 'float16' : 'float32';
}

/** The weights of a model within a graph, by their Hugging Face names. All values that come and go are float32. */
export interface GraphWeights {
  /** Norms and biases are float32. */
  vector(name: string): string;
  /** undefined: the model has no such tensor. */
  optionalVector(name: string): string | undefined;
  /** The rows of a matrix [rows, width] with these numbers, int64 [batch, length]: [batch, length, width]. */
  rows(matrix: string, numbers: string): string;
  /** `values` [tokens, in] times the transposed matrix [out, in], plus the bias [out]: [tokens, out]. */
  product(values: string, matrix: string, bias?: string): string;
  /** What is used of them, in the order of its first use. */
  readonly tensors: readonly StoredTensor[];
}

export function createGraphWeights(
  graph: GraphBuilder,
  tensors: readonly PrunedTensor[],
  type: MatrixType,
): GraphWeights {
  const known = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const used = new Map<string, StoredTensor>();
  const find = (name: string): PrunedTensor => {
    const tensor = known.get(name);
    if (tensor === undefined) throw new RangeError(`the model has no tensor ${name}`);
    return tensor;
  };
  const store = (name: string, make: () => readonly StoredTensor[]): string => {
    if (!used.has(name)) for (const tensor of make()) used.set(tensor.name, tensor);
    return name;
  };
  const storeFloats = (name: string, as: FloatType): string =>
    store(name, () => {
      const { shape, read } = convertTensor(find(name), as === 'float32' ? 'F32' : 'F16');
      return [{ name, type: as, shape, read }];
    });
  const vector = (name: string): string => storeFloats(name, 'float32');
  const add = (product: string, bias: string | undefined): string =>
    bias === undefined ? product : graph.node('Add', [product, bias]);
  const maps =
    type === 'int8'
      ? createQuantisedMaps(graph, (name) => {
          const [quantised, scale] = quantiseTensor(find(name));
          store(quantised.name, () => [quantised, scale]);
          return [quantised.name, scale.name];
        })
      : createFloatMaps(graph, type, (name) => storeFloats(name, type));
  return {
    ...maps,
    vector,
    optionalVector: (name) => (known.has(name) ? vector(name) : undefined),
    product: (values, matrix, bias) => add(maps.product(values, matrix), bias),
    get tensors() {
      return [...used.values()];
    },
  };
}

type Maps = Pick<GraphWeights, 'rows' | 'product'>;

/** Matrices as checkpoints have them, [out, in]. */
function createFloatMaps(graph: GraphBuilder, type: FloatType, store: (name: string) => string): Maps {
  return {
    rows: (matrix, numbers) => cast(graph, graph.node('Gather', [store(matrix), numbers]), type, 'float32'),
    product: (values, matrix) => {
      const operands = [cast(graph, values, 'float32', type), store(matrix)];
      return cast(graph, graph.node('Gemm', operands, { attributes: { transB: 1n } }), type, 'float32');
    },
  };
}

/**
 * Matrices in 8 bits, [in, out], with a scale for each 32 inputs of an output channel. ONNX Runtime (1.30) multiplies by
 * the 8-bit weights themselves where it finds DequantizeLinear before MatMul, in a third of the time of float32 for one
 * token; before Gemm, or with the matrix the other way round, it would dequantise them in each run, in three times the
 * time.
 *
 * @param store names of a matrix and of its scales
 */
function createQuantisedMaps(
  graph: GraphBuilder,
  store: (name: string) => readonly [matrix: string, scale: string],
): Maps {
  const dequantise = (parts: readonly string[]): string =>
    graph.node('DequantizeLinear', parts, { attributes: { axis: 0n, block_size: BigInt(BLOCK) } });
  return {
    rows: (name, numbers) => {
      const columns = store(name).map((part) => graph.node('Gather', [part, numbers], { attributes: { axis: 1n } }));
      return graph.node('Transpose', [dequantise(columns)], { attributes: { perm: [1n, 2n, 0n] } });
    },
    product: (values, name) => graph.node('MatMul', [values, dequantise(store(name))]),
  };
}
