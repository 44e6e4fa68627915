import type { PrunedTensor } from '../../../core/ports/exporter.js';
import { convertTensor } from '../../../engine/checkpoint/convert-tensor.js';
import { createSpareMemory } from '../../../engine/checkpoint/piece-memory.js';
import type { GraphBuilder } from '../../../engine/graph/graph-builder.js';
import type { StoredTensor } from '../../../engine/graph/write-onnx.js';
import { cast } from './cast.js';
import { BLOCK } from './list-stored.js';
import type { FloatType, MatrixType } from './matrix-type.js';
import { quantiseTensor, ZERO } from './quantise-tensor.js';

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
  const spares = createSpareMemory();
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
      const { shape, read } = convertTensor(find(name), as === 'float32' ? 'F32' : 'F16', spares);
      return [{ name, type: as, shape, read }];
    });
  const vector = (name: string): string => storeFloats(name, 'float32');
  const add = (product: string, bias: string | undefined): string =>
    bias === undefined ? product : graph.node('Add', [product, bias]);
  const maps =
    type === 'int8'
      ? createQuantisedMaps(graph, (name) => {
          const tensor = find(name);
          const [values, scales] = quantiseTensor(tensor);
          store(values.name, () => [values, scales]);
          return { values: values.name, scales: scales.name, shape: tensor.shape };
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

/** Names of what is stored of a matrix [out, in] in 8 bits. */
interface QuantisedMatrix {
  readonly values: string;
  readonly scales: string;
  readonly shape: readonly number[];
}

/**
 * Matrices in 8 bits, with a scale for each 32 inputs of an output channel, for ONNX Runtime's own operator MatMulNBits
 * (1.22 and later). With accuracy_level 4 it rounds activations to 8 bits too and multiplies by the weights as they are;
 * else it dequantises them in each run, in 17 times the time for one token. The standard DequantizeLinear needs matrices
 * that lie [in, out], which cannot be written a part at a time; ONNX Runtime 1.26 and later turn it into the same operator,
 * 1.30 and 1.32 not for a tied head.
 */
function createQuantisedMaps(graph: GraphBuilder, store: (name: string) => QuantisedMatrix): Maps {
  return {
    rows: (name, numbers) => {
      const { values, scales, shape } = store(name);
      const [, inner = 0] = shape;
      const pick = (part: string): string => graph.node('Gather', [part, numbers]);
      const steps = graph.node('Sub', [cast(graph, pick(values), 'uint8', 'float32'), graph.floats([ZERO])]);
      const scaled = graph.node('Mul', [steps, graph.node('Unsqueeze', [pick(scales), graph.integers([-1])])]);
      const rows = graph.node('Reshape', [scaled, graph.integers([0, 0, -1])]);
      return inner % BLOCK === 0
        ? rows
        : graph.node('Slice', [rows, graph.integers([0]), graph.integers([inner]), graph.integers([2])]);
    },
    product: (operand, name) => {
      const { values, scales, shape } = store(name);
      const [out = 0n, inner = 0n] = shape.map(BigInt);
      return graph.node('MatMulNBits', [operand, values, scales], {
        domain: 'com.microsoft',
        attributes: { K: inner, N: out, bits: 8n, block_size: BigInt(BLOCK), accuracy_level: 4n },
      });
    },
  };
}
