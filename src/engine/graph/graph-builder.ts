import {
  AttributeProto,
  AttributeProto_AttributeType,
  ModelProto,
  NodeProto,
  TensorProto,
  TensorProto_DataType,
  ValueInfoProto,
} from '../../gen/onnx/onnx.js';

/** Type of constants; int64 by default. */
export type IntegerType = keyof typeof INTEGER_ARRAYS;

export type ElementType = keyof typeof ELEMENT_TYPES;

/** A size: a number, or the name of a size that each run sets. */
export type Dimension = number | string;

export type AttributeValue = number | bigint | string | readonly bigint[];

export interface NodeOptions {
  /** Empty: the standard operators. */
  readonly domain?: 'com.microsoft';
  /** A number becomes a float attribute, a bigint an integer one. */
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

/**
 * Builds one ONNX graph. Values are known by name: `input` and `node` return the name of what they add, for use as
 * input of later nodes.
 */
export interface GraphBuilder {
  input(name: string, dimensions: readonly Dimension[], type?: ElementType): string;
  /** Adds a node with one output. An empty input name omits an optional input. */
  node(operator: string, inputs: readonly string[], options?: NodeOptions): string;
  /** A small constant that is part of the graph. */
  integers(values: readonly number[], type?: IntegerType): string;
  floats(values: readonly number[]): string;
  /** Makes a value an output of the graph under this name. */
  output(name: string, value: string, dimensions: readonly Dimension[], type?: ElementType): void;
  /** The graph as a message. A name that nothing in it defines is that of a tensor which its writer adds. */
  model(): ModelProto;
  /** The serialized ModelProto. */
  encode(): Uint8Array;
}

/**
 * An empty graph. Standard operators are those of opset 18; `com.microsoft` ones are ONNX Runtime's own, and the graph
 * names that domain only if it has one.
 */
export function createGraphBuilder(graphName: string): GraphBuilder {
  const inputs: ValueInfoProto[] = [];
  const outputs: ValueInfoProto[] = [];
  const nodes: NodeProto[] = [];
  const constants: TensorProto[] = [];
  const outputNames = new Map<string, string>();
  const nextName = (prefix: string): string => `${prefix}_${nodes.length + constants.length}`;
  const constant = (prefix: string, dataType: number, size: number, rawData: Buffer): string => {
    const name = nextName(prefix);
    constants.push(TensorProto.fromPartial({ name, dims: [BigInt(size)], dataType, rawData }));
    return name;
  };
  const model = (): ModelProto =>
    ModelProto.fromPartial({
      irVersion: 9n,
      producerName: 'prunecast',
      graph: {
        name: graphName,
        node: nodes.map((node) => renameValues(node, outputNames)),
        initializer: constants,
        input: inputs,
        output: outputs,
      },
      opsetImport: [
        { domain: '', version: 18n },
        ...(nodes.some(({ domain }) => domain !== '') ? [{ domain: 'com.microsoft', version: 1n }] : []),
      ],
    });

  return {
    input: (name, dimensions, type = 'float32') => {
      inputs.push(describeValue(name, dimensions, type));
      return name;
    },
    node: (operator, nodeInputs, { domain, attributes = {} } = {}) => {
      const output = nextName(operator);
      nodes.push(
        NodeProto.fromPartial({
          opType: operator,
          name: output,
          domain: domain ?? '',
          input: [...nodeInputs],
          output: [output],
          attribute: Object.entries(attributes).map(([name, value]) => describeAttribute(name, value)),
        }),
      );
      return output;
    },
    integers: (values, type = 'int64') =>
      constant('integers', ELEMENT_TYPES[type], values.length, toBytes(INTEGER_ARRAYS[type](values))),
    floats: (values) =>
      constant('floats', TensorProto_DataType.FLOAT, values.length, toBytes(Float32Array.from(values))),
    output: (name, value, dimensions, type = 'float32') => {
      outputNames.set(value, name);
      outputs.push(describeValue(name, dimensions, type));
    },
    model,
    encode: () => ModelProto.encode(model()).finish(),
  };
}

function renameValues(node: NodeProto, names: ReadonlyMap<string, string>): NodeProto {
  const rename = (value: string): string => names.get(value) ?? value;
  return { ...node, input: node.input.map(rename), output: node.output.map(rename) };
}

/** Numbers of the types in the format. */
export const ELEMENT_TYPES = {
  float16: TensorProto_DataType.FLOAT16,
  float32: TensorProto_DataType.FLOAT,
  float64: TensorProto_DataType.DOUBLE,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  int8: TensorProto_DataType.INT8,
  uint8: TensorProto_DataType.UINT8,
  bool: TensorProto_DataType.BOOL,
} as const;

const INTEGER_ARRAYS = {
  int32: (values: readonly number[]) => Int32Array.from(values),
  int64: (values: readonly number[]) => BigInt64Array.from(values, BigInt),
  uint8: (values: readonly number[]) => Uint8Array.from(values),
} as const;

function describeValue(name: string, dimensions: readonly Dimension[], type: ElementType): ValueInfoProto {
  return ValueInfoProto.fromPartial({
    name,
    type: {
      value: {
        $case: 'tensorType',
        value: {
          elemType: ELEMENT_TYPES[type],
          shape: {
            dim: dimensions.map((size) => ({
              value:
                typeof size === 'number'
                  ? { $case: 'dimValue', value: BigInt(size) }
                  : { $case: 'dimParam', value: size },
            })),
          },
        },
      },
    },
  });
}

function describeAttribute(name: string, value: AttributeValue): AttributeProto {
  const types = AttributeProto_AttributeType;
  if (typeof value === 'number') return AttributeProto.fromPartial({ name, type: types.FLOAT, f: value });
  if (typeof value === 'bigint') return AttributeProto.fromPartial({ name, type: types.INT, i: value });
  if (typeof value === 'string') return AttributeProto.fromPartial({ name, type: types.STRING, s: Buffer.from(value) });
  return AttributeProto.fromPartial({ name, type: types.INTS, ints: [...value] });
}

function toBytes(values: BigInt64Array | Int32Array | Uint8Array | Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
