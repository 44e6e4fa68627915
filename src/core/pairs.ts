import type { MetricDefinition } from './metric.js';

/** Architecture-accuracy pairs of one checkpoint, one measurement and one fidelity: what a predictor is fitted on. */
export interface PairTable {
  /** Names of the columns of `rates`, in order. */
  readonly dimensions: readonly string[];
  /** Pruning rates in [0, 1], [pairs, dimensions], row-major. */
  readonly rates: Float32Array;
  /** The value to predict for each pair, on the scale of the fit (log-perplexity). */
  readonly targets: Float64Array;
  /** What the targets are; absent if that is not known. */
  readonly metric?: TargetMetric;
}

/** The metric of targets, and which of the metrics of its fit it is, from 0. */
export interface TargetMetric extends Pick<MetricDefinition, 'name' | 'scale' | 'better'> {
  readonly index: number;
  readonly of: number;
}

/** A batch of encodings, [rows, columns], row-major. */
export interface EncodingBatch {
  readonly rates: Float32Array;
  readonly columns: number;
}

export function countRows(batch: EncodingBatch): number {
  return batch.columns === 0 ? 0 : batch.rates.length / batch.columns;
}
