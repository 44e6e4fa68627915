import type { LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import type { BlockPart, Family } from './family.js';

/** A tensor that a shape requires. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** undefined: outside the blocks. */
  readonly layer: number | undefined;
  readonly part: BlockPart | 'embedding' | 'finalNorm' | 'head';
  readonly kind: 'weight' | 'bias';
}

/**
 * Every tensor of a model of this shape, in the order of the forward pass. Linear maps are [out, in], as in Hugging
 * Face files. A dropped half-block has no tensors, not even its norm, unless it leaves a bias (that of o or down). With
 * tied embeddings there is no head.
 */
export function listTensors(family: Family, shape: ModelShape): readonly TensorSpec[] {
  const { names } = family;
  const outside = (part: 'embedding' | 'finalNorm' | 'head', sizes: readonly number[]): TensorSpec => ({
    name: `${names[part]}.weight`,
    shape: sizes,
    layer: undefined,
    part,
    kind: 'weight',
  });
  return [
    outside('embedding', [shape.vocabulary, shape.hidden]),
    ...shape.layers.flatMap((layer, index) => listBlockTensors(family, shape, layer, index)),
    outside('finalNorm', [shape.hidden]),
    ...(shape.tiedEmbeddings ? [] : [outside('head', [shape.vocabulary, shape.hidden])]),
  ];
}

/** The Hugging Face name of one tensor of a block. */
export function nameBlockTensor(
  family: Family,
  layer: number,
  part: BlockPart,
  kind: 'weight' | 'bias' = 'weight',
): string {
  return `${family.names.blockPrefix}${layer}.${family.names.block[part]}.${kind}`;
}

function listBlockTensors(family: Family, shape: ModelShape, layer: LayerArchitecture, index: number): TensorSpec[] {
  const { hidden, headDim, biases } = shape;
  const keyValue = layer.kvHeads * headDim;
  const query = keyValue * layer.queryHeadsPerKv;
  const weight = (part: BlockPart, sizes: readonly number[]): TensorSpec => ({
    name: nameBlockTensor(family, index, part),
    shape: sizes,
    layer: index,
    part,
    kind: 'weight',
  });
  const linear = (part: BlockPart, out: number, from: number, hasBias: boolean): TensorSpec[] => [
    weight(part, [out, from]),
    ...(hasBias
      ? [
          {
            name: nameBlockTensor(family, index, part, 'bias'),
            shape: [out],
            layer: index,
            part,
            kind: 'bias',
          } as const,
        ]
      : []),
  ];
  const leftBias = (part: 'output' | 'down'): TensorSpec[] =>
    shape.droppedBiases === true
      ? [{ name: nameBlockTensor(family, index, part, 'bias'), shape: [hidden], layer: index, part, kind: 'bias' }]
      : [];
  const attention =
    layer.kvHeads === 0
      ? leftBias('output')
      : [
          weight('attentionNorm', [hidden]),
          ...linear('query', query, hidden, biases.queryKeyValue),
          ...linear('key', keyValue, hidden, biases.queryKeyValue),
          ...linear('value', keyValue, hidden, biases.queryKeyValue),
          ...(shape.queryKeyNorms ? [weight('queryNorm', [headDim]), weight('keyNorm', [headDim])] : []),
          ...linear('output', hidden, query, biases.attentionOutput),
        ];
  const ffn =
    layer.ffnChannels === 0
      ? leftBias('down')
      : [
          weight('ffnNorm', [hidden]),
          ...linear('gate', layer.ffnChannels, hidden, biases.ffn),
          ...linear('up', layer.ffnChannels, hidden, biases.ffn),
          ...linear('down', hidden, layer.ffnChannels, biases.ffn),
        ];
  return [...attention, ...ffn];
}
