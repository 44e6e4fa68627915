import type { ModelShape } from '../../core/model/shape.js';
import type { RowRange } from '../../core/ports/exporter.js';
import type { ModelConfig } from '../config/config.js';
import type { CheckpointFiles } from '../files/checkpoint-files.js';

/**
 * A Hugging Face folder, opened and checked: every tensor that its configuration requires is there, in the right shape.
 * Reads throw MODEL_CHANGED if a file has changed since its digest was computed.
 */
export interface Checkpoint {
  readonly directory: string;
  /** The files that it is read from, each as it was when the checkpoint was opened. */
  readonly files: CheckpointFiles;
  readonly shape: ModelShape;
  readonly config: ModelConfig;
  /** config.json as it is written, without entries that hold NaN or an infinity. */
  readonly rawConfig: Readonly<Record<string, unknown>>;
  /** SHA-256 over the configuration and all weights; labels and scores are stored under it. */
  readonly digest: string;
  /** Size of all weight files together. */
  readonly weightBytes: number;
  /** By the names that transformers gives them. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** What in the folder is read differently from how it is written, or not at all; one sentence each. */
  readonly notes: readonly string[];
  /**
   * A tensor's values, row-major, converted to float32. This and the next two methods throw MODEL_MALFORMED if a value
   * is NaN or infinite.
   */
  readTensor(name: string): Promise<Float32Array>;
  /** `count` rows of a matrix, starting at row `first`; nothing else is read. */
  readRows(name: string, first: number, count: number): Promise<Float32Array>;
  /**
   * A tensor's own little-endian bytes, or those of some of its rows; nothing else is read.
   *
   * @param allocate gives the memory that they are read into, of so many bytes; new memory by default
   */
  readBytes(name: string, rows?: RowRange, allocate?: (bytes: number) => Uint8Array): Promise<Uint8Array>;
  /** Closes the files that were read from; a later read opens them again. */
  close(): Promise<void>;
}

/** A tensor as it is stored in a safetensors file. */
export interface StoredTensor {
  /** As in the file. */
  readonly name: string;
  /** As in the file: one of `TensorDtype`, or another. */
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
  /** For a part of a tensor: its first row within the whole tensor; undefined for a whole tensor. */
  readonly firstRow?: number;
}

export type TensorDtype = 'F32' | 'F16' | 'BF16';
