import type { ModelShape } from './shape.js';

/**
 * The sizes of a model whose half-blocks were mended with a bias, by `mean` or `affine`: o and down have one in every layer,
 * and with the bias of down come those of gate and up, as families have biases in all layers or in none.
 */
export function addOutputBiases(shape: ModelShape): ModelShape {
  return { ...shape, biases: { ...shape.biases, attentionOutput: true, ffn: true } };
}
