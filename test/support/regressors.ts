import {
  AttributeProto,
  AttributeProto_AttributeType,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  ValueInfoProto,
} from '../../src/gen/onnx/onnx.js';
import { createGraphBuilder } from '../../src/engine/graph/graph-builder.js';

/**
 * One tree with one split, written as onnxmltools does (ai.onnx.ml, TreeEnsembleRegressor): `below` where the rate of
 * `column` is at most `threshold`, `above` where it is more; a value a metric.
 */
export function makeStump({
  columns,
  column,
  threshold,
  below,
  above,
}: {
  readonly columns: number;
  readonly column: number;
  readonly threshold: number;
  readonly below: readonly number[];
  readonly above: readonly number[];
}): Uint8Array {
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
      AttributeProto.fromPartial({
        name: 'nodes_values',
        type: AttributeProto_AttributeType.FLOATS,
        floats: [threshold, 0, 0],
      }),
      AttributeProto.fromPartial({
        name: 'nodes_modes',
        type: AttributeProto_AttributeType.STRINGS,
        strings: ['BRANCH_LEQ', 'LEAF', 'LEAF'].map((mode) => Buffer.from(mode)),
      }),
      integers('nodes_truenodeids', [1, 0, 0]),
      integers('nodes_falsenodeids', [2, 0, 0]),
      integers(
        'target_treeids',
        leaves.map(() => 0),
      ),
      integers(
        'target_nodeids',
        leaves.map((_, place) => (place < targets ? 1 : 2)),
      ),
      integers(
        'target_ids',
        leaves.map((_, place) => place % targets),
      ),
      AttributeProto.fromPartial({ name: 'target_weights', type: AttributeProto_AttributeType.FLOATS, floats: leaves }),
      AttributeProto.fromPartial({ name: 'n_targets', type: AttributeProto_AttributeType.INT, i: BigInt(targets) }),
    ],
  });
  return ModelProto.encode(
    ModelProto.fromPartial({
      irVersion: 9n,
      graph: { name: 'stump', node: [node], input: [describe('X', columns)], output: [describe('variable', targets)] },
      opsetImport: [
        { domain: '', version: 18n },
        { domain: 'ai.onnx.ml', version: 3n },
      ],
    }),
  ).finish();
}

/** A network of one hidden layer without biases: relu(x W) v, where W is [columns, hidden]; it answers [N]. */
export function makeNetwork({
  columns,
  hidden,
  weights,
  heads,
}: {
  readonly columns: number;
  readonly hidden: number;
  readonly weights: readonly number[];
  readonly heads: readonly number[];
}): Uint8Array {
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
  return ModelProto.encode(
    ModelProto.fromPartial({
      irVersion: 9n,
      graph: {
        name: 'external',
        node: [{ opType: 'MatMul', input: ['X', 'W'], output: ['variable'] }],
        initializer: [
          {
            name: 'W',
            dims: [BigInt(columns), 1n],
            dataType: TensorProto_DataType.FLOAT,
            dataLocation: TensorProto_DataLocation.EXTERNAL,
            externalData: [{ key: 'location', value: 'weights.bin' }],
          },
        ],
        input: [describe('X', columns)],
        output: [describe('variable', 1)],
      },
      opsetImport: [{ domain: '', version: 18n }],
    }),
  ).finish();
}

/** A graph of one column that hands rates up to a half through, and never comes back from a run with a higher one. */
export function makeEndless(): Uint8Array {
  const [bool, int64] = [TensorProto_DataType.BOOL, TensorProto_DataType.INT64];
  const body = GraphProto.encode(
    GraphProto.fromPartial({
      name: 'body',
      node: [
        { opType: 'Identity', input: ['continue'], output: ['continueStill'] },
        { opType: 'Identity', input: ['before'], output: ['after'] },
      ],
      input: [describeScalar('round', int64), describeScalar('continue', bool), describe('before', 1)],
      output: [describeScalar('continueStill', bool), describe('after', 1)],
    }),
  ).finish();
  // The project's own onnx.proto has no graphs within nodes: their fields are put in by number (AttributeProto.g 6, type 20; NodeProto.attribute 5).
  const attribute = Buffer.concat([
    AttributeProto.encode(AttributeProto.fromPartial({ name: 'body' })).finish(),
    inField(6, body),
    Buffer.of(0xa0, 1, 5),
  ]);
  const loop = Buffer.concat([
    NodeProto.encode(
      NodeProto.fromPartial({ opType: 'Loop', input: ['rounds', 'yes', 'X'], output: ['variable'] }),
    ).finish(),
    inField(5, attribute),
  ]);
  const graph = GraphProto.encode(
    GraphProto.fromPartial({
      name: 'endless',
      node: [
        {
          opType: 'ReduceMax',
          input: ['X'],
          output: ['largest'],
          attribute: [{ name: 'keepdims', type: AttributeProto_AttributeType.INT, i: 0n }],
        },
        { opType: 'Sub', input: ['largest', 'half'], output: ['above'] },
        { opType: 'Mul', input: ['above', 'many'], output: ['product'] },
        {
          opType: 'Cast',
          input: ['product'],
          output: ['rounds'],
          attribute: [{ name: 'to', type: AttributeProto_AttributeType.INT, i: BigInt(int64) }],
        },
      ],
      initializer: [
        {
          name: 'half',
          dims: [],
          dataType: TensorProto_DataType.FLOAT,
          rawData: Buffer.from(Float32Array.of(0.5).buffer),
        },
        {
          name: 'many',
          dims: [],
          dataType: TensorProto_DataType.FLOAT,
          rawData: Buffer.from(Float32Array.of(2 ** 62).buffer),
        },
        { name: 'yes', dims: [], dataType: bool, rawData: Buffer.of(1) },
      ],
      input: [describe('X', 1)],
      output: [describe('variable', 1)],
    }),
  ).finish();
  const model = ModelProto.encode(
    ModelProto.fromPartial({ irVersion: 9n, opsetImport: [{ domain: '', version: 18n }] }),
  ).finish();
  return Buffer.concat([model, inField(7, Buffer.concat([graph, inField(1, loop)]))]);
}

function describeScalar(name: string, elemType: TensorProto_DataType): ValueInfoProto {
  return ValueInfoProto.fromPartial({
    name,
    type: { value: { $case: 'tensorType', value: { elemType, shape: { dim: [] } } } },
  });
}

/** A message as a field of another one. */
function inField(number: number, message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of((number << 3) | 2, (message.length & 0x7f) | 0x80, message.length >> 7), message]);
}

function integers(name: string, values: readonly number[]): AttributeProto {
  return AttributeProto.fromPartial({ name, type: AttributeProto_AttributeType.INTS, ints: values.map(BigInt) });
}

function describe(name: string, columns: number): ValueInfoProto {
  const dim = [
    { value: { $case: 'dimParam' as const, value: 'N' } },
    { value: { $case: 'dimValue' as const, value: BigInt(columns) } },
  ];
  return ValueInfoProto.fromPartial({
    name,
    type: { value: { $case: 'tensorType', value: { elemType: TensorProto_DataType.FLOAT, shape: { dim } } } },
  });
}
