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

/** The sizes of a checkpoint. `layers` is its own, unpruned architecture; a pruned checkpoint may differ from layer to layer. */
export interface ModelShape {
  readonly family: string;
  readonly hidden: number;
  readonly headDim: number;
  readonly vocabulary: number;
  readonly tiedEmbeddings: boolean;
  readonly biases: BlockBiases;
  /** Whether each dropped half-block has left a bias of its own in the residual stream, [hidden]: what `mean` and `affine` do. Left out for no. */
  readonly droppedBiases?: boolean;
  /** Per-head RMS norms on queries and keys (Qwen3). */
  readonly queryKeyNorms: boolean;
  readonly layers: Architecture;
}
