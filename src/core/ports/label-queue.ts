import type { PrunecastError } from '../errors/prunecast-error.js';
import type { Label, LabelKey, LabelRecord } from './label-store.js';
import type { WorkContext } from './work-context.js';

/** Labels that are wanted. */
export interface LabelOrder<Task> {
  /** One per label. Two with equal keys and metrics want the same label: it is measured once. */
  readonly wanted: readonly WantedLabel[];
  /** What the labeller needs to measure them; a queue hands it on as it is. */
  readonly task: Task;
}

export interface WantedLabel {
  readonly key: LabelKey;
  /** The metrics that it must have. A stored label that lacks one, and cannot be completed, is measured again. */
  readonly metrics: readonly string[];
}

/** Measures what a label queue has no label of. Only a queue calls it. */
export interface Labeller<Task> {
  /**
   * Measures some labels of a task, by their index in what the order wants. Each label comes as soon as it is there, in any
   * order. Throws what the measurement fails with, or the signal's reason.
   */
  measure(
    task: Task,
    indices: readonly number[],
    work: WorkContext,
  ): AsyncIterable<{ readonly index: number; readonly label: Label }>;
  /**
   * A stored label of an earlier version with the metrics that it lacks, without measuring; undefined if that cannot be.
   * By its index in what the order wants.
   */
  complete?(task: Task, index: number, label: Label): Label | undefined;
}

/** An answer names what it is for by its index. */
export type LabelAnswer = LabelledAnswer | InvalidAnswer;

export interface LabelledAnswer {
  readonly index: number;
  /** `tokensSpent` is 0 if the label was already paid for. */
  readonly label: Label;
  /**
   * What stores the label, if it is not known to be stored. Commit it together with whatever is made of the label, so that a
   * server that ends leaves both or neither. Storing it twice does no harm.
   */
  readonly record: LabelRecord | undefined;
}

/** A key that has no label, since its metrics are not finite; nothing is stored of it. */
export interface InvalidAnswer {
  readonly index: number;
  /** METRIC_INVALID. */
  readonly invalid: PrunecastError;
  readonly tokensSpent: number;
}

/**
 * The one way to a label: Search, Evaluate, SamplePairs and QueryStudy all ask here, and none asks an evaluator
 * directly. Any number of callers may ask at the same time.
 *
 * A label is paid once and stored once, however often it is asked for or delivered: one that the store has is not
 * measured again, of equal keys of one order a single one is measured, and its `record` comes with one of the answers
 * only. The queue itself stores nothing: a label belongs to the transaction of whoever asked.
 *
 * An order waits for a label, with the same metrics, that another order of this process is measuring, and gets it at no
 * cost but with a `record`, since the other may never commit its own. If the other order ends, fails or is cancelled
 * without the label, the one that waits measures it. Orders never wait for each other: each first measures what no
 * other order is measuring.
 */
export interface LabelQueue<Task> {
  /**
   * One answer per wanted label, in any order: first those that the store has, then the others as they are measured. Ends early
   * if the caller stops reading. Throws STATE_DAMAGED, what the labeller throws, or the signal's reason.
   */
  label(order: LabelOrder<Task>, work: WorkContext): AsyncIterable<LabelAnswer>;
}
