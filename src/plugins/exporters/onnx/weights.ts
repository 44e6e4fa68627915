import type { PrunedTensor } from '../../../core/ports/exporter.js';
import { convertTensor } from '../../../engine/checkpoint/convert-tensor.js';
import type { GraphBuilder } from '../../../engine/graph/graph-builder.js';
import type { StoredTensor } from '../../../engine/graph/write-onnx.js';
import { cast } from './cast.js';

/** How matrices are stored, and with it the type of their products. */
export type MatrixType = 'float32' | 'float16';

/** The weights of a model within a graph, by their Hugging Face names. All values that come and go are float32. */
export interface GraphWeights {
  /** Norms and biases are float32. */
  vector(name: string): string;
  /** undefined: the model has no such tensor. */
  optionalVector(name: string): string | undefined;
  /** The rows of a matrix [rows, width] with these numbers: [..., width]. */
  rows(matrix: string, numbers: string): string;
  /** `values` [tokens, in] times the transposed matrix [out, in], plus the bias [out]: [tokens, out]. */
  product(values: string, matrix: string, bias?: string): string;
  /** What is used of them, in the order of its first use. */
  readonly tensors: readonly StoredTensor[];
}

export function createGraphWeights(
  graph: GraphBuilder,
  tensors: readonly PrunedTensor[],
  matrixType: MatrixType,
): GraphWeights {
  const known = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const used = new Map<string, StoredTensor>();
  const store = (name: string, type: MatrixType): string => {
    const tensor = known.get(name);
    if (tensor === undefined) throw new RangeError(`the model has no tensor ${name}`);
    const { shape, read } = convertTensor(tensor, type === 'float32' ? 'F32' : 'F16');
    if (!used.has(name)) used.set(name, { name, type, shape, read });
    return name;
  };
  const vector = (name: string): string => store(name, 'float32');
  return {
    vector,
    optionalVector: (name) => (known.has(name) ? vector(name) : undefined),
    rows: (matrix, numbers) =>
      cast(graph, graph.node('Gather', [store(matrix, matrixType), numbers]), matrixType, 'float32'),
    product: (values, matrix, bias) => {
      const operands = [cast(graph, values, 'float32', matrixType), store(matrix, matrixType)];
      const added = matrixType === 'float32' && bias !== undefined ? [bias] : [];
      const product = cast(
        graph,
        graph.node('Gemm', [...operands, ...added], { attributes: { transB: 1n } }),
        matrixType,
        'float32',
      );
      return bias === undefined || added.length > 0 ? product : graph.node('Add', [product, bias]);
    },
    get tensors() {
      return [...used.values()];
    },
  };
}
