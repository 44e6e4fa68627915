import type { BlockBiases } from '../../core/model/shape.js';

/** config.json, parsed but not yet trusted. */
export type RawConfig = Readonly<Record<string, unknown>>;

/** The parts of a decoder block that have tensors. */
export type BlockPart =
  | 'attentionNorm' | 'query' | 'key' | 'value' | 'queryNorm' | 'keyNorm' | 'output'
  | 'ffnNorm' | 'gate' | 'up' | 'down';

/** Where a family keeps its tensors; the names lack their ending `.weight` or `.bias`. */
export interface TensorNames {
  readonly embedding: string;
  readonly finalNorm: string;
  readonly head: string;
  /** Stands before the layer's number: `model.layers.` */
  readonly blockPrefix: string;
  readonly block: Readonly<Record<BlockPart, string>>;
}

/**
 * A family: what is told apart among models that share one forward pass (RMS norms, rotary grouped-query attention, gated SiLU).
 * A new family is one file that exports such a description, and its entry in find-family.ts.
 */
export interface Family {
  /** `model_type` in config.json. */
  readonly id: string;
  /** `architectures[0]` in config.json: the class of transformers that loads it. */
  readonly architecture: string;
  readonly names: TensorNames;
  /** Whether queries and keys have an RMS norm of their own, over each head. */
  readonly queryKeyNorms: boolean;
  /** What transformers takes where config.json is silent; `headDim` undefined stands for hidden / heads. */
  readonly defaults: { readonly maxPositions: number; readonly headDim: number | undefined };
  /** Which linear maps of a block carry a bias, as config.json says or the family has it. */
  readBiases(config: RawConfig): BlockBiases;
  /** How stock transformers can be told to hold (at least) these biases; undefined where the family cannot. */
  stateBiases(biases: BlockBiases): StatedBiases | undefined;
  /** Tells which entry puts a sliding window into use; undefined where none does. */
  findSlidingWindow(config: RawConfig, layers: number): string | undefined;
}

/** The least set of biases that a family's stock form has and that holds those asked for. */
export interface StatedBiases {
  readonly biases: BlockBiases;
  /** Entries for config.json. */
  readonly entries: Readonly<Record<string, boolean>>;
}
