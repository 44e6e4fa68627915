import type { ModelShape } from '../../src/core/model/shape.js';

/** The embedded demo model's sizes (models/stories260k): 260,032 parameters. */
export const STORIES_SHAPE = createShape({
  layers: 5,
  hidden: 64,
  headDim: 8,
  kvHeads: 4,
  queryHeadsPerKv: 2,
  ffnChannels: 172,
  vocabulary: 512,
});

/** The sizes of SmolLM2-135M: 134,515,008 parameters. */
export const SMOLLM2_SHAPE = createShape({
  layers: 30,
  hidden: 576,
  headDim: 64,
  kvHeads: 3,
  queryHeadsPerKv: 3,
  ffnChannels: 1536,
  vocabulary: 49_152,
});

export interface ShapeSizes {
  readonly layers: number;
  readonly hidden: number;
  readonly headDim: number;
  readonly kvHeads: number;
  readonly queryHeadsPerKv: number;
  readonly ffnChannels: number;
  readonly vocabulary: number;
}

/** A Llama without biases, embeddings tied, all layers alike. */
export function createShape({
  layers,
  hidden,
  headDim,
  kvHeads,
  queryHeadsPerKv,
  ffnChannels,
  vocabulary,
}: ShapeSizes): ModelShape {
  return {
    family: 'llama',
    hidden,
    headDim,
    vocabulary,
    tiedEmbeddings: true,
    biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
    queryKeyNorms: false,
    layers: Array.from({ length: layers }, () => ({ kvHeads, queryHeadsPerKv, ffnChannels })),
  };
}
