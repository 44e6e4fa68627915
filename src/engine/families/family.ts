import type { BlockBiases } from '../../core/model/shape.js';

/** config.json, parsed but not yet checked. */
export type RawConfig = Readonly<Record<string, unknown>>;

/** The parts of a decoder block that have tensors. */
export type BlockPart =
  | 'attentionNorm'
  | 'query'
  | 'key'
  | 'value'
  | 'queryNorm'
  | 'keyNorm'
  | 'output'
  | 'ffnNorm'
  | 'gate'
  | 'up'
  | 'down';

/** Where a family keeps its tensors; names without the ending `.weight` or `.bias`. */
export interface TensorNames {
  /** The start of all names except the head's: `model.`; missing in models saved without their head. */
  readonly base: string;
  readonly embedding: string;
  readonly finalNorm: string;
  readonly head: string;
  /** The part before the layer's number: `model.layers.` */
  readonly blockPrefix: string;
  readonly block: Readonly<Record<BlockPart, string>>;
}

/**
 * What differs between families of models that share one forward pass (RMS norms, rotary grouped-query attention, gated
 * SiLU). To add a family, write one file that exports such a description and list it in find-family.ts.
 */
export interface Family {
  /** `model_type` in config.json. */
  readonly id: string;
  /** `architectures[0]` in config.json: the class of transformers that loads it. */
  readonly architecture: string;
  readonly names: TensorNames;
  readonly modelling: ModellingClasses;
  readonly llamaCpp: LlamaCppArchitecture;
  /** Whether a config.json with the `model_type` of another family belongs to this one; undefined: never. */
  readonly claims?: (config: RawConfig, modelType: string) => boolean;
  /** Other forms in which its makers publish weights; undefined: none. */
  readonly foreignForms?: readonly ForeignForm[];
  /** Whether queries and keys have their own RMS norm, over each head. */
  readonly queryKeyNorms: boolean;
  /** What transformers uses if config.json does not say; `headDim` undefined means hidden / heads. */
  readonly defaults: { readonly maxPositions: number; readonly headDim: number | undefined };
  /** Which linear maps of a block have a bias, by config.json or by the family. */
  readBiases(config: RawConfig): BlockBiases;
  /** How to describe such blocks, equal in all layers, to stock transformers; undefined: not possible. */
  stateStockForm(blocks: UniformBlocks): StockForm | undefined;
  /**
   * Per layer, how many tokens a token sees, counting itself and the last ones before it; undefined: all before it.
   * Throws MODEL_UNSUPPORTED for other kinds of attention, MODEL_MALFORMED for entries that contradict each other.
   */
  readSlidingWindows(config: RawConfig, layers: number): readonly (number | undefined)[];
}

/** The classes of transformers that the per-layer form builds on. */
export interface ModellingClasses {
  /** `Llama` as in LlamaConfig, LlamaDecoderLayer and LlamaForCausalLM. */
  readonly classPrefix: string;
  /** `llama` as in transformers.models.llama.modeling_llama. */
  readonly module: string;
  /**
   * The first version of transformers that has them, and what needs that version, for messages; undefined: all
   * versions.
   */
  readonly since?: { readonly version: string; readonly described: string };
}

/** How llama.cpp runs blocks of one shape in all layers (its src/models has a file for each architecture). */
export interface LlamaCppArchitecture {
  /** `general.architecture` of a GGUF file. */
  readonly name: string;
  /** What of a head is rotated together: neighbours, or as in Hugging Face files the two halves. */
  readonly rotates: 'neighbours' | 'halves';
  /** Whether all heads together may be narrower or wider than the hidden size. */
  readonly heads: 'any' | 'as wide as hidden';
  /** The biases that it reads. */
  readonly biases: BlockBiases;
  /** Whether it reads factors for the frequencies of rotary embeddings, which Llama 3.1 needs. */
  readonly readsFrequencyFactors: boolean;
}

/** Weight files that are not read, recognised by their names. */
export interface ForeignForm {
  readonly has: RegExp;
  /** What such a folder is, and what to do about it. */
  readonly is: (name: string) => string;
}

/** Blocks with the same shape in every layer. */
export interface UniformBlocks {
  readonly hidden: number;
  readonly headDim: number;
  readonly queryHeads: number;
  readonly biases: BlockBiases;
}

/** What config.json must say so that stock transformers builds such blocks. */
export interface StockForm {
  /** The family's own type, or that of another family with the same forward pass. */
  readonly modelType: string;
  readonly architecture: string;
  /** The smallest set of biases that this form supports and that includes those asked for. */
  readonly biases: BlockBiases;
  /** Further entries for config.json; undefined removes an entry of the source. */
  readonly entries: Readonly<Record<string, unknown>>;
  /** What builds such blocks from it. */
  readonly loadsIn: readonly string[];
}

/** The tensor names that transformers gives to Llama and to all families built after it. */
export const DECODER_NAMES: TensorNames = {
  base: 'model.',
  embedding: 'model.embed_tokens',
  finalNorm: 'model.norm',
  head: 'lm_head',
  blockPrefix: 'model.layers.',
  block: {
    attentionNorm: 'input_layernorm',
    query: 'self_attn.q_proj',
    key: 'self_attn.k_proj',
    value: 'self_attn.v_proj',
    queryNorm: 'self_attn.q_norm',
    keyNorm: 'self_attn.k_norm',
    output: 'self_attn.o_proj',
    ffnNorm: 'post_attention_layernorm',
    gate: 'mlp.gate_proj',
    up: 'mlp.up_proj',
    down: 'mlp.down_proj',
  },
};
