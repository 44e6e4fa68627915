import type { Architecture, ModelShape } from '../model/shape.js';
import type { MetricDefinition } from '../metric.js';
import type { Fidelity, Measurement, Precision } from '../measurement.js';
import type { PluginManifest } from './plugin.js';
import type { WorkContext } from './work-context.js';

/** Measures architectures: metrics by name. */
export interface Evaluator<Options = unknown> extends PluginManifest<Options> {
  readonly kind: 'evaluator';
  readonly metrics: readonly MetricDefinition[];
  /**
   * Where `measure` runs. `worker`: in a thread of its own, which is ended when its caller leaves. `inline`: in the
   * server, for an evaluator that only adds up losses. `plan` always runs in the server.
   *
   * @default 'worker'
   */
  readonly runsIn?: 'worker' | 'inline';
  /** Turns a text into windows. Throws TEXT_TOO_SHORT. */
  plan(text: EvaluationText, protocol: WindowProtocol, options: Options): EvaluationPlan;
  /** Measures each architecture on the plan's windows; results come as they are ready, in any order. */
  measure(
    subject: EvaluationSubject,
    architectures: readonly Architecture[],
    plan: EvaluationPlan,
    work: WorkContext,
    options: Options,
  ): AsyncIterable<EvaluatedArchitecture>;
}

/** A text as token ids, with the digests that name it. */
export interface EvaluationText {
  readonly tokens: Int32Array;
  /** Digest of the token ids. */
  readonly digest: string;
  /** undefined if the caller sent token ids. */
  readonly tokenizerDigest?: string;
  /** The beginning-of-sequence token, if the model has one. */
  readonly bosToken?: number;
}

/** How a text is cut into windows (DESIGN "Windows"), and in what arithmetic they are measured. */
export interface WindowProtocol {
  /** Tokens per window, BOS included. */
  readonly window: number;
  /** Tokens from one window's start to the next; equal to `window` for no overlap. */
  readonly stride: number;
  readonly bos: boolean;
  /** Which part of the text: the half-open range [from, to) as shares of its windows. */
  readonly part?: { readonly from: number; readonly to: number };
  /** Takes as many whole windows as fit in this many tokens, spread evenly over the part; undefined takes all. */
  readonly tokenLimit?: number;
  /** Becomes part of the plan's fidelity, and `measure` passes it on; float32 by default. */
  readonly precision?: Precision;
}

export interface EvaluationPlan {
  readonly windows: readonly Window[];
  readonly measurement: Measurement;
  readonly fidelity: Fidelity;
}

/** A run of tokens; the predictions of `tokens[scoredFrom]` and all after it are scored. */
export interface Window {
  readonly tokens: Int32Array;
  readonly scoredFrom: number;
  /** Position of the window's first text token in the whole text: what tells two windows apart. */
  readonly start: number;
}

/** A model under one recipe: what an evaluator measures. */
export interface EvaluationSubject {
  readonly shape: ModelShape;
  /**
   * The summed negative log-likelihood (natural log) of the scored tokens of each window, and how many of them were the
   * most likely one, architecture by architecture, as they are ready. The result is the same whether architectures are
   * asked for together or one by one.
   *
   * @param precision of the fidelity that the losses are for; float32 by default. Throws PRECISION_UNAVAILABLE.
   */
  losses(
    architectures: readonly Architecture[],
    windows: readonly Window[],
    work: WorkContext,
    precision?: Precision,
  ): AsyncIterable<ArchitectureLosses>;
}

export interface ArchitectureLosses {
  /** Index into the architectures asked for. */
  readonly index: number;
  /** One sum per window, in the order of the windows. */
  readonly windowLosses: Float64Array;
  /** How many scored tokens of each window were the model's most likely one; of two equally likely both count. */
  readonly windowHits: Int32Array;
}

export interface EvaluatedArchitecture extends ArchitectureLosses {
  /** By metric name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Scored predictions of each window. */
  readonly windowTokens: Int32Array;
}
