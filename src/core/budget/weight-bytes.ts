import { countAttentionParameters, countFfnParameters, countFixedParameters } from '../model/parameters.js';
import type { BlockTensor, ModelShape, NumberBytes } from '../model/shape.js';
import type { CostModel } from './cost-model.js';

/** Bytes of a number if a shape does not say how wide its tensors are. */
const DEFAULT_BYTES = 2;

/**
 * The cost in bytes of all weights of the exported model: each tensor as wide as the shape says, or all equally wide.
 */
export function createWeightCost(shape: ModelShape, bytesPerParameter?: number): CostModel {
  const bytes = bytesPerParameter ?? shape.numberBytes ?? DEFAULT_BYTES;
  return typeof bytes === 'number' ? createEvenCost(shape, bytes) : createMixedCost(shape, bytes);
}

function createEvenCost(shape: ModelShape, bytes: number): CostModel {
  return {
    perUnit: 1,
    fixed: bytes * countFixedParameters(shape),
    attention: (kvHeads, queryHeadsPerKv) => bytes * countAttentionParameters(shape, kvHeads, queryHeadsPerKv),
    ffn: (channels) => bytes * countFfnParameters(shape, channels),
  };
}

function createMixedCost(shape: ModelShape, { embedding, head, finalNorm, layers }: NumberBytes): CostModel {
  const { hidden, headDim, vocabulary, tiedEmbeddings, biases, queryKeyNorms, droppedBiases } = shape;
  const of = (layer: number): Readonly<Record<BlockTensor, number>> => {
    const bytes = layers[layer];
    if (bytes === undefined) throw new RangeError(`the shape does not say how wide the tensors of layer ${layer} are`);
    return bytes;
  };
  return {
    perUnit: 1,
    fixed: vocabulary * hidden * (embedding + (tiedEmbeddings ? 0 : head)) + hidden * finalNorm,
    get layerKinds() {
      return nameKinds(layers);
    },
    attention: (kvHeads, queryHeadsPerKv, layer) => {
      const bytes = of(layer);
      if (kvHeads === 0) return droppedBiases === true ? hidden * bytes.outputLeft : 0;
      const keyValue = kvHeads * headDim;
      const query = keyValue * queryHeadsPerKv;
      const weights = hidden * (query * (bytes.query + bytes.output) + keyValue * (bytes.key + bytes.value));
      const inner = biases.queryKeyValue ? query * bytes.queryBias + keyValue * (bytes.keyBias + bytes.valueBias) : 0;
      const norms = hidden * bytes.attentionNorm + (queryKeyNorms ? headDim * (bytes.queryNorm + bytes.keyNorm) : 0);
      return weights + inner + (biases.attentionOutput ? hidden * bytes.outputBias : 0) + norms;
    },
    ffn: (channels, layer) => {
      const bytes = of(layer);
      if (channels === 0) return droppedBiases === true ? hidden * bytes.downLeft : 0;
      const weights = hidden * channels * (bytes.gate + bytes.up + bytes.down);
      return (
        weights +
        (biases.ffn ? channels * (bytes.gateBias + bytes.upBias) + hidden * bytes.downBias : 0) +
        hidden * bytes.ffnNorm
      );
    },
  };
}

/** The same number for all layers whose tensors are equally wide. */
function nameKinds(layers: NumberBytes['layers']): number[] {
  const known = new Map<string, number>();
  return layers.map((bytes) => {
    const key = Object.values(bytes).join();
    const kind = known.get(key) ?? known.size;
    known.set(key, kind);
    return kind;
  });
}
