import type { Architecture, BlockBiases, ModelShape } from '../../../core/model/shape.js';
import type { LlamaCppArchitecture } from '../../../engine/families/family.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { GGUF_TYPES, type GgufType } from './write-gguf.js';

/** A layer of the file. Halves that the model lacks and llama.cpp needs have weights of zeros. */
export interface PlannedLayer {
  /** Its number in the pruned model. */
  readonly source: number;
  readonly kvHeads: number;
  readonly queryHeadsPerKv: number;
  readonly ffnChannels: number;
}

export interface PlannedLayers {
  readonly architecture: LlamaCppArchitecture;
  /** Whether it reads the heads and the channels of each layer. */
  readonly isPerLayer: boolean;
  readonly layers: readonly PlannedLayer[];
}

/** The architecture whose layers may differ. It has no norms of queries and keys. */
export const PER_LAYER: LlamaCppArchitecture = {
  name: 'deci',
  rotates: 'neighbours',
  heads: 'any',
  biases: { queryKeyValue: true, attentionOutput: true, ffn: true },
  readsFrequencyFactors: true,
};

/** Channels of an FFN of zeros: the least that blocks of quantised values allow. */
export const ZERO_CHANNELS = 32;

/** LLAMA_MAX_LAYERS (llama.cpp, src/llama-hparams.h): a file with more is not loaded. */
const MOST_LAYERS = 512;

/**
 * The layers of the file, or why llama.cpp has none for this model, with the way out. Layers that keep neither half are
 * left out.
 *
 * Layers of one shape are written in the family's own architecture if it can run them, others as `deci`. Its graph (llama.cpp, src/models/deci.cpp) forgets the attention of a layer without
 * an FFN, and a model takes the size of heads from its first layer (src/llama-model.cpp): such layers get an FFN, or one
 * head, of zeros. So does a dropped half that left a bias.
 *
 * @param shape sizes and biases of the result; its `layers` are not used
 */
export function planLayers(shape: ModelShape, kept: Architecture, type: GgufType): PlannedLayers | string {
  const leavesBias = shape.droppedBiases === true;
  const present = kept
    .map((layer, source) => ({ ...layer, source }))
    .filter(({ kvHeads, ffnChannels }) => kvHeads > 0 || ffnChannels > 0 || leavesBias);
  if (present.length === 0) return 'no layer keeps anything; prune less';
  if (present.length > MOST_LAYERS)
    return `${present.length} layers keep something, and llama.cpp has at most ${MOST_LAYERS}; drop both halves of ${present.length - MOST_LAYERS} more, or take the exporter hf`;
  const layers = present.map(({ kvHeads, queryHeadsPerKv, ffnChannels, source }, index): PlannedLayer => {
    const needsHead = kvHeads === 0 && (index === 0 || leavesBias);
    return {
      source,
      kvHeads: needsHead ? 1 : kvHeads,
      queryHeadsPerKv: needsHead ? 1 : queryHeadsPerKv,
      ffnChannels: ffnChannels === 0 ? ZERO_CHANNELS : ffnChannels,
    };
  });
  const architecture = chooseArchitecture(shape, layers);
  if (architecture === undefined)
    return `llama.cpp has normed queries and keys (${shape.family}) only where all layers have one shape and no biases; search a uniform space, take a compensation that adds no biases, or the exporter hf`;
  return findMisfit(shape, layers, type) ?? { architecture, isPerLayer: architecture === PER_LAYER, layers };
}

/** undefined: none runs such layers. */
function chooseArchitecture(shape: ModelShape, layers: readonly PlannedLayer[]): LlamaCppArchitecture | undefined {
  const [first] = layers;
  const isUniform = layers.every(
    (layer) =>
      layer.kvHeads === first?.kvHeads &&
      layer.queryHeadsPerKv === first.queryHeadsPerKv &&
      layer.ffnChannels === first.ffnChannels,
  );
  const own = findFamily(shape.family).llamaCpp;
  const width = (first?.kvHeads ?? 0) * (first?.queryHeadsPerKv ?? 0) * shape.headDim;
  const hasHeads = own.heads === 'any' || width === shape.hidden;
  if (isUniform && hasHeads && reads(own.biases, listBiases(shape))) return own;
  return shape.queryKeyNorms ? undefined : PER_LAYER;
}

/** The biases of the file: what a dropped half has left is one of its zeros. */
export function listBiases({ biases, droppedBiases }: ModelShape): BlockBiases {
  const left = droppedBiases === true;
  return { ...biases, attentionOutput: biases.attentionOutput || left, ffn: biases.ffn || left };
}

function reads(known: BlockBiases, asked: BlockBiases): boolean {
  return (
    (known.queryKeyValue || !asked.queryKeyValue) &&
    (known.attentionOutput || !asked.attentionOutput) &&
    (known.ffn || !asked.ffn)
  );
}

/** Quantised rows consist of whole blocks. */
function findMisfit(
  { hidden, headDim }: ModelShape,
  layers: readonly PlannedLayer[],
  type: GgufType,
): string | undefined {
  const { blockValues } = GGUF_TYPES[type];
  const refuse = (what: string, width: number, advice: string): string | undefined =>
    width % blockValues === 0
      ? undefined
      : `${type} has blocks of ${blockValues} values, and ${what} ${width}; ${advice}, or take the type f16, bf16 or f32`;
  return (
    refuse('the hidden size is', hidden, 'no pruning changes it') ??
    layers
      .map(
        ({ source, kvHeads, queryHeadsPerKv, ffnChannels }) =>
          refuse(
            `the FFN channels of layer ${source} are`,
            ffnChannels,
            `keep a multiple of ${blockValues}: set channel_multiple to ${blockValues} in the search space`,
          ) ??
          refuse(
            `the query heads of layer ${source} have together the width`,
            kvHeads * queryHeadsPerKv * headDim,
            `keep a multiple of ${blockValues}`,
          ),
      )
      .find((reason) => reason !== undefined)
  );
}
