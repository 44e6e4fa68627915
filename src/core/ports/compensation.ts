import type { PluginManifest } from './plugin.js';

/** Statistics of the inputs of down (or o) that a compensation asks for. */
export type CompensationNeed = 'mean' | 'gram';

/** Changes the kept weights of a half-block, or adds a bias, to make up for what was removed. */
export interface Compensation<Options = unknown> extends PluginManifest<Options> {
  readonly needs: readonly CompensationNeed[];
  /** Whether the mended half-block may carry a bias that the model did not have. */
  readonly addsBias: boolean;
  /**
   * Prepares one half-block for every width, heavy work included; runs in a worker where `needs` has `gram`.
   * Widths count rows of `half.weights`.
   */
  prepare(half: HalfBlock, options: Options): PreparedCompensation;
}

/** The output map of a half-block (down or o), its rows in ranked order, whole groups together. */
export interface HalfBlock {
  /** Transposed: [rows, hidden], row-major. */
  readonly weights: Float32Array;
  readonly rows: number;
  readonly hidden: number;
  /** Need `mean`: the mean input of each row. */
  readonly mean?: Float64Array;
  /** Need `gram`: X^T X / tokens, [rows, rows], row-major. */
  readonly gram?: Float64Array;
}

export interface PreparedCompensation {
  /** The mended weights of the first `width` rows, [width, hidden]; a view where nothing changed. */
  mend(width: number): MendedHalfBlock;
  /** ||X W - X_k W'||^2 / tokens (damping included) when `width` rows stay; undefined where the compensation knows none. */
  error?(width: number): number;
}

export interface MendedHalfBlock {
  readonly weights: Float32Array;
  /** [hidden], added to the half-block's output; undefined for none. */
  readonly bias?: Float32Array;
}
