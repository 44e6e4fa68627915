/** What one layer keeps; 0 drops that half of the block, and `kvHeads` 0 means `queryHeadsPerKv` 0 too. */
export interface LayerArchitecture {
  readonly kvHeads: number;
  readonly queryHeadsPerKv: number;
  readonly ffnChannels: number;
}

/** The kept counts, layer by layer from the first. */
export type Architecture = readonly LayerArchitecture[];

/** Which linear maps of a block carry a bias. */
export interface BlockBiases {
  readonly queryKeyValue: boolean;
  readonly attentionOutput: boolean;
  readonly ffn: boolean;
}

/** The tensors of a block; the last two are what a dropped half-block may leave. */
export type BlockTensor =
  | 'attentionNorm'
  | 'query'
  | 'key'
  | 'value'
  | 'output'
  | 'queryNorm'
  | 'keyNorm'
  | 'queryBias'
  | 'keyBias'
  | 'valueBias'
  | 'outputBias'
  | 'ffnNorm'
  | 'gate'
  | 'up'
  | 'down'
  | 'gateBias'
  | 'upBias'
  | 'downBias'
  | 'outputLeft'
  | 'downLeft';

/** Bytes of a number in each tensor, if not all are equal. */
export interface NumberBytes {
  readonly embedding: number;
  readonly head: number;
  readonly finalNorm: number;
  readonly layers: readonly Readonly<Record<BlockTensor, number>>[];
}

/** The sizes of a checkpoint. `layers` is its own, unpruned architecture; those of a pruned checkpoint may differ. */
export interface ModelShape {
  readonly family: string;
  readonly hidden: number;
  readonly headDim: number;
  readonly vocabulary: number;
  readonly tiedEmbeddings: boolean;
  readonly biases: BlockBiases;
  /**
   * Whether each dropped half-block has left a bias of its own in the residual stream, [hidden]: what `mean` and
   * `affine` do. Left out for no.
   */
  readonly droppedBiases?: boolean;
  /** Per-head RMS norms on queries and keys (Qwen3). */
  readonly queryKeyNorms: boolean;
  readonly layers: Architecture;
  /**
   * Bytes of a number in the checkpoint's tensors, and so in what is exported: one for all, or one for each. Left out
   * for 2.
   */
  readonly numberBytes?: number | NumberBytes;
}
