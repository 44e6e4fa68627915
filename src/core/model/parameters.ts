import type { Architecture, ModelShape } from './shape.js';

/**
 * Parameters of the attention half of one block with this many heads, its input norm included; if it is dropped, those
 * of the bias that it leaves.
 */
export function countAttentionParameters(shape: ModelShape, kvHeads: number, queryHeadsPerKv: number): number {
  if (kvHeads === 0) return shape.droppedBiases === true ? shape.hidden : 0;
  const { hidden, headDim, biases } = shape;
  const queryWidth = kvHeads * queryHeadsPerKv * headDim;
  const keyValueWidth = kvHeads * headDim;
  const weights = 2 * hidden * queryWidth + 2 * hidden * keyValueWidth;
  const biasTerms = (biases.queryKeyValue ? queryWidth + 2 * keyValueWidth : 0) + (biases.attentionOutput ? hidden : 0);
  const norms = hidden + (shape.queryKeyNorms ? 2 * headDim : 0);
  return weights + biasTerms + norms;
}

/**
 * Parameters of the FFN half of one block with this many channels, its norm included; if it is dropped, those of the
 * bias that it leaves.
 */
export function countFfnParameters(shape: ModelShape, channels: number): number {
  if (channels === 0) return shape.droppedBiases === true ? shape.hidden : 0;
  const { hidden, biases } = shape;
  return 3 * hidden * channels + (biases.ffn ? 2 * channels + hidden : 0) + hidden;
}

/** Parameters outside the blocks: embeddings (once if tied with the head), head and final norm. */
export function countFixedParameters(shape: ModelShape): number {
  return shape.vocabulary * shape.hidden * (shape.tiedEmbeddings ? 1 : 2) + shape.hidden;
}

/**
 * Parameters of the exported model: tied tensors once, biases and norms included; of a dropped half-block only the bias
 * that it leaves.
 */
export function countParameters(shape: ModelShape, architecture: Architecture): number {
  return architecture.reduce(
    (sum, layer) =>
      sum +
      countAttentionParameters(shape, layer.kvHeads, layer.queryHeadsPerKv) +
      countFfnParameters(shape, layer.ffnChannels),
    countFixedParameters(shape),
  );
}
