import type { Architecture } from '../model/shape.js';
import type { WorkContext } from './work-context.js';

/** The metrics of one architecture under one checkpoint, measurement, fidelity and recipe, with the loss of each window. */
export interface Label {
  readonly metrics: Readonly<Record<string, number>>;
  /** Summed negative log-likelihood of each window. */
  readonly windowLosses: Float64Array;
  /** Scored tokens of each window that the model held most likely; undefined in a label of an earlier version. */
  readonly windowHits?: Int32Array;
  /** Scored predictions of each window. */
  readonly windowTokens: Int32Array;
  /** Tokens really run for it; 0 when the label was already paid for. */
  readonly tokensSpent: number;
}

/** The one way to a label; nothing calls an evaluator around it. A label is paid once and recorded once. */
export interface LabelQueue<Target> {
  label(
    target: Target,
    architectures: readonly Architecture[],
    work: WorkContext,
  ): AsyncIterable<{ readonly index: number; readonly label: Label }>;
}
