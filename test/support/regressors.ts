import { AttributeProto, AttributeProto_AttributeType, ModelProto, NodeProto, TensorProto_DataLocation, TensorProto_DataType, ValueInfoProto } from '../../src/gen/onnx/onnx.js';
import { createGraphBuilder } from '../../src/engine/graph/graph-builder.js';

/**
 * One tree with one split, written as onnxmltools does (ai.onnx.ml, TreeEnsembleRegressor): `below` where the rate of
 * `column` is at most `threshold`, `above` where it is more; a value a metric.
 */
export function makeStump({ columns, column, threshold, below, above }: { readonly columns: number; readonly column: number; readonly threshold: number; readonly below: readonly number[]; readonly above: readonly number[] }): Uint8Array {
  const targets = below.length;
  const leaves = [...below, ...above];
  const node = NodeProto.fromPartial({
    opType: 'TreeEnsembleRegressor',
    domain: 'ai.onnx.ml',
    input: ['X'],
    output: ['variable'],
    attribute: [
      integers('nodes_treeids', [0, 0, 0]),
      integers('nodes_nodeids', [0, 1, 2]),
      integers('nodes_featureids', [column, 0, 0]),
      AttributeProto.fromPartial({ name: 'nodes_values', type: AttributeProto_AttributeType.FLOATS, floats: [threshold, 0, 0] }),
      AttributeProto.fromPartial({ name: 'nodes_modes', type: AttributeProto_AttributeType.STRINGS, strings: ['BRANCH_LEQ', 'LEAF', 'LEAF'].map((mode) => Buffer.from(mode)) }),
      integers('nodes_truenodeids', [1, 0, 0]),
      integers('nodes_falsenodeids', [2, 0, 0]),
      integers('target_treeids', leaves.map(() => 0)),
      integers('target_nodeids', leaves.map((_, place) => (place < targets ? 1 : 2))),
      integers('target_ids', leaves.map((_, place) => place % targets)),
      AttributeProto.fromPartial({ name: 'target_weights', type: AttributeProto_AttributeType.FLOATS, floats: leaves }),
      AttributeProto.fromPartial({ name: 'n_targets', type: AttributeProto_AttributeType.INT, i: BigInt(targets) }),
    ],
  });
  return ModelProto.encode(ModelProto.fromPartial({
    irVersion: 9n,
    graph: { name: 'stump', node: [node], input: [describe('X', columns)], output: [describe('variable', targets)] },
    opsetImport: [{ domain: '', version: 18n }, { domain: 'ai.onnx.ml', version: 3n }],
  })).finish();
}

/** A network of one hidden layer without biases: relu(x W) v, where W is [columns, hidden]; it answers [N]. */
export function makeNetwork({ columns, hidden, weights, heads }: { readonly columns: number; readonly hidden: number; readonly weights: readonly number[]; readonly heads: readonly number[] }): Uint8Array {
  const graph = createGraphBuilder('network');
  const x = graph.input('x', ['N', columns]);
  const first = graph.node('Reshape', [graph.floats(weights), graph.integers([columns, hidden])]);
  const second = graph.node('Reshape', [graph.floats(heads), graph.integers([hidden, 1])]);
  const answer = graph.node('MatMul', [graph.node('Relu', [graph.node('MatMul', [x, first])]), second]);
  graph.output('y', graph.node('Reshape', [answer, graph.integers([-1])]), ['N']);
  return graph.encode();
}

/** A graph that hands its input through, of another element type. */
export function makeDoubles(columns: number): Uint8Array {
  const graph = createGraphBuilder('doubles');
  graph.output('y', graph.node('Identity', [graph.input('x', ['N', columns], 'float64')]), ['N', columns], 'float64');
  return graph.encode();
}

/** A linear regressor whose weights lie in another file, as those of large networks do. */
export function makeExternal(columns: number): Uint8Array {
  return ModelProto.encode(ModelProto.fromPartial({
    irVersion: 9n,
    graph: {
      name: 'external',
      node: [{ opType: 'MatMul', input: ['X', 'W'], output: ['variable'] }],
      initializer: [{ name: 'W', dims: [BigInt(columns), 1n], dataType: TensorProto_DataType.FLOAT, dataLocation: TensorProto_DataLocation.EXTERNAL, externalData: [{ key: 'location', value: 'weights.bin' }] }],
      input: [describe('X', columns)],
      output: [describe('variable', 1)],
    },
    opsetImport: [{ domain: '', version: 18n }],
  })).finish();
}

function integers(name: string, values: readonly number[]): AttributeProto {
  return AttributeProto.fromPartial({ name, type: AttributeProto_AttributeType.INTS, ints: values.map(BigInt) });
}

function describe(name: string, columns: number): ValueInfoProto {
  const dim = [{ value: { $case: 'dimParam' as const, value: 'N' } }, { value: { $case: 'dimValue' as const, value: BigInt(columns) } }];
  return ValueInfoProto.fromPartial({ name, type: { value: { $case: 'tensorType', value: { elemType: TensorProto_DataType.FLOAT, shape: { dim } } } } });
}
