import type { Evaluation } from '../metric.js';

/**
 * The metrics of one architecture under one checkpoint, measurement, fidelity and recipe, with the numbers of each item
 * that they are made of. A label of an earlier version may lack some of the columns.
 */
export interface Label extends Evaluation {
  /** Tokens really run for it; 0 if the label was already paid for. */
  readonly tokensSpent: number;
}

/** What a label is the label of. Each part is a digest; for the architecture it is its key. */
export interface LabelKey {
  readonly checkpointDigest: string;
  readonly measurementFingerprint: string;
  readonly fidelityDigest: string;
  /** Empty for the unpruned architecture. */
  readonly recipeDigest: string;
  readonly architectureKey: string;
}

/** A text that only equal keys have. */
export function keyText(key: LabelKey): string {
  return JSON.stringify([
    key.checkpointDigest,
    key.measurementFingerprint,
    key.fidelityDigest,
    key.recipeDigest,
    key.architectureKey,
  ]);
}

/**
 * A label to be stored. A key has one label: the first one stays, unless a later one has more metrics. So storing a
 * label twice is the same as storing it once.
 */
export interface LabelRecord {
  readonly kind: 'label';
  readonly key: LabelKey;
  readonly label: Label;
}

/** Labels, shared by all studies of a server. They are never removed. */
export interface LabelStore {
  /**
   * The labels in the order of `keys`, bit for bit as they were stored, NaN and the infinities included; `undefined`
   * for a key that has none. Throws STATE_DAMAGED.
   */
  getMany(keys: readonly LabelKey[]): Promise<(Label | undefined)[]>;
}
