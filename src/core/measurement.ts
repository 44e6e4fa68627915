import { canonicalJson } from './canonical-json.js';

/**
 * What is measured. Numbers of different measurements are never mixed or compared; the digest of this value (canonical
 * JSON, SHA-256) is the measurement fingerprint.
 */
export interface Measurement {
  /** Digest of the token ids of the whole text. */
  readonly textDigest: string;
  /** Empty if the caller sent token ids. */
  readonly tokenizerDigest: string;
  readonly window: number;
  readonly stride: number;
  readonly bos: boolean;
  /** The first token of each window; undefined without BOS. Models with the same tokenizer may differ in it. */
  readonly bosToken: number | undefined;
  /** Evaluator id and its options in canonical JSON, and its version unless it is the first. */
  readonly scorer: string;
  /** Empty if no prompt is built. */
  readonly promptFormat: string;
  /** What times belong to: the processor and the threads; undefined for what is the same on every machine. */
  readonly machine?: string;
  /**
   * What wrote the checkpoints that were measured: the exporter's id and its options in canonical JSON, and its version
   * unless it is the first; undefined if none were written.
   */
  readonly exporter?: string;
}

/** The measurement of an evaluator that reads no text, only the model. */
export function describeModelMeasurement(evaluator: { readonly id: string; readonly options: unknown }): Measurement {
  return {
    textDigest: '',
    tokenizerDigest: '',
    window: 0,
    stride: 0,
    bos: false,
    bosToken: undefined,
    scorer: canonicalJson(evaluator),
    promptFormat: '',
  };
}

export type Precision = 'float32' | 'int8';

/** How precisely it is measured: the rungs of one measurement, cheap to dear. */
export interface Fidelity {
  /** Tokens in all sequences, BOS included. */
  readonly tokens: number;
  /**
   * What tells the items apart, so that two fidelities compare equal only on the same ones: of windows their starts in
   * the text, of questions their numbers.
   */
  readonly items: readonly number[];
  readonly precision: Precision;
}

/** The value whose digest names a fidelity, in the words of the first version: stored labels have such digests. */
export function describeFidelity({ items, ...fidelity }: Fidelity): Readonly<Record<string, unknown>> {
  return { ...fidelity, windowStarts: items };
}
