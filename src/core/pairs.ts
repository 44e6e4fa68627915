/** Architecture-accuracy pairs of one checkpoint, one measurement and one fidelity: what a predictor is fitted on. */
export interface PairTable {
  /** Names of the columns of `rates`, in order. */
  readonly dimensions: readonly string[];
  /** Pruning rates in [0, 1], [pairs, dimensions], row-major. */
  readonly rates: Float32Array;
  /** The value to predict for each pair, on the scale of the fit (log-perplexity). */
  readonly targets: Float64Array;
}

/** A batch of encodings, [rows, columns], row-major. */
export interface EncodingBatch {
  readonly rates: Float32Array;
  readonly columns: number;
}

export function countRows(batch: EncodingBatch): number {
  return batch.columns === 0 ? 0 : batch.rates.length / batch.columns;
}
