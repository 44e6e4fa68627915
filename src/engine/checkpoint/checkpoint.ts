import type { ModelShape } from '../../core/model/shape.js';
import type { CheckpointFiles } from '../files/checkpoint-files.js';
import type { ModelConfig } from '../config/config.js';

/**
 * A Hugging Face folder, opened and checked: every tensor that its configuration asks for is there, in the right shape. Reads
 * throw MODEL_CHANGED where a file is no longer what the digest was taken of.
 */
export interface Checkpoint {
  readonly directory: string;
  /** What it is read from, each file as it was when the checkpoint was opened. */
  readonly files: CheckpointFiles;
  readonly shape: ModelShape;
  readonly config: ModelConfig;
  /** config.json as it stands. */
  readonly rawConfig: Readonly<Record<string, unknown>>;
  /** SHA-256 over the configuration and all weights: what labels and scores are stored under. */
  readonly digest: string;
  /** Sizes of all weight files together. */
  readonly weightBytes: number;
  /** By the names that transformers gives them. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** What of the folder is read another way than it is written, or not at all; a sentence each. */
  readonly notes: readonly string[];
  /** A tensor's values, row-major, converted to float32. This and what follows throw MODEL_MALFORMED where a value is NaN or infinite. */
  readTensor(name: string): Promise<Float32Array>;
  /** `count` rows of a matrix from row `first` on, nothing else being read. */
  readRows(name: string, first: number, count: number): Promise<Float32Array>;
  /** A tensor's own little-endian bytes. */
  readBytes(name: string): Promise<Uint8Array>;
  /** Closes the files that were read from; a later read opens them again. */
  close(): Promise<void>;
}

/** A tensor as a safetensors file has it. */
export interface StoredTensor {
  /** As the file names it. */
  readonly name: string;
  /** As the file says it: of those of `TensorDtype`, or another. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** File name within the folder. */
  readonly file: string;
  /** Position of the first byte in the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** A tensor of a model. */
export interface TensorEntry extends StoredTensor {
  /** As transformers names it, whatever the file says. */
  readonly name: string;
  readonly dtype: TensorDtype;
  /** Of a part of a tensor: which row of the whole one is its first; undefined for a whole one. */
  readonly firstRow?: number;
}

export type TensorDtype = 'F32' | 'F16' | 'BF16';
