import type { Architecture, LayerArchitecture, ModelShape } from './shape.js';

/**
 * The sizes of a model that `mean` or `affine` compensated: if o or down has a bias in one layer it has one in every
 * layer, and with that of down come those of gate and up, because families have biases in all layers or in none. A
 * dropped half-block leaves its mean output as a bias. A half-block that lost nothing needs none: the architecture
 * tells which do; without one all may.
 */
export function addOutputBiases(shape: ModelShape, architecture?: Architecture): ModelShape {
  const { biases } = shape;
  if (architecture === undefined)
    return { ...shape, biases: { ...biases, attentionOutput: true, ffn: true }, droppedBiases: true };
  const some = (is: (kept: LayerArchitecture, own: LayerArchitecture) => boolean): boolean =>
    architecture.some((kept, layer) => is(kept, shape.layers[layer] ?? kept));
  const dropped =
    shape.droppedBiases === true ||
    some((kept, own) => (kept.kvHeads === 0 && own.kvHeads > 0) || (kept.ffnChannels === 0 && own.ffnChannels > 0));
  return {
    ...shape,
    biases: {
      ...biases,
      attentionOutput:
        biases.attentionOutput ||
        some(
          (kept, own) => kept.kvHeads > 0 && kept.kvHeads * kept.queryHeadsPerKv < own.kvHeads * own.queryHeadsPerKv,
        ),
      ffn: biases.ffn || some((kept, own) => kept.ffnChannels > 0 && kept.ffnChannels < own.ffnChannels),
    },
    ...(dropped ? { droppedBiases: true } : {}),
  };
}

/** The sizes of one of a model's architectures, with the biases that a recipe's compensation adds to it. */
export function exportedShape(
  shape: ModelShape,
  architecture: Architecture,
  compensation: { readonly plugin: { readonly addsBias: boolean } } | undefined,
): ModelShape {
  const biased = compensation?.plugin.addsBias === true ? addOutputBiases(shape, architecture) : shape;
  return { ...biased, layers: architecture };
}
