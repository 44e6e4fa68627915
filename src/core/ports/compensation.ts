import type { PluginManifest } from './plugin.js';
import type { WorkContext } from './work-context.js';

/** Statistics of the inputs of down (or o) that a compensation asks for. */
export type CompensationNeed = 'mean' | 'gram';

/** Changes the kept weights of a half-block, or adds a bias, to make up for what was removed. */
export interface Compensation<Options = unknown, Context extends WorkContext = WorkContext>
  extends PluginManifest<Options> {
  readonly kind: 'compensation';
  readonly needs: readonly CompensationNeed[];
  /** Whether the compensated half-block may carry a bias that the model did not have. */
  readonly addsBias: boolean;
  /** Whether kept weights stay as they are, as with `none`: then they are cut, and nothing is prepared or computed. */
  readonly leavesWeights?: true;
  /**
   * Prepares one half-block for every width, all heavy work included; runs in the model's own thread. A width is a
   * number of rows of `half.weights`. The signal is that of the call that needs it first, and what it prepares serves
   * later ones too.
   */
  prepare(half: HalfBlock, options: Options, context?: Context): PreparedCompensation | Promise<PreparedCompensation>;
  /**
   * The most bytes that `prepare` holds at once for a half-block of this many rows, the given Gram matrix and what it
   * keeps included; undefined for next to nothing. The memory budget relies on it.
   */
  preparingBytes?(rows: number, hidden: number): number;
  /** For compensations that can also fit one architecture on the pruned model's own stream; they need `gram`. */
  readonly stream?: StreamFit<Options, Context>;
}

/**
 * Compensates an architecture half-block by half-block, each on what the compensated ones before it give: one
 * calibration pass per architecture.
 */
export interface StreamFit<Options = unknown, Context extends WorkContext = WorkContext> {
  /** The name of the option that asks for it, for messages. */
  readonly option: string;
  /** Whether the options ask for it, in place of `prepare`. */
  isAsked(options: Options): boolean;
  /** The same options, asking for it. */
  ask(options: Options): Options;
  /** Which maps the options have fitted. @default 'pruned' */
  refit?(options: Options): StreamRefit;
  /** The compensated weights of a map, or the change of maps, [rows, columns]; runs in the model's own thread. */
  fit(map: StreamMap, options: Options, context?: Context): Float32Array | Promise<Float32Array>;
}

/**
 * Which maps a fit on the stream changes. `pruned`: o or down of the halves of layers that lost units. `outputs`: those
 * of all halves after the first that lost units too. `all`: before these, q, k and v, or gate and up as well.
 */
export const STREAM_REFITS = ['pruned', 'outputs', 'all'] as const;
export type StreamRefit = (typeof STREAM_REFITS)[number];

/** What is fitted on the stream, with its calibration statistics in the pruned model: X W should be T. */
export interface StreamMap {
  /**
   * `output`: the kept part of a half-block's output map (o or down). T is what it should add: the dense model's
   * residual stream after this half-block, minus the pruned model's before it, minus its own bias.
   *
   * `input-change`: what should be added to all maps into a half-block (q, k and v, or gate and up), which are side by
   * side, so that the pruned model has the dense one's queries, keys, values, gates and ups. Their biases stay as they
   * are. `weights` are 0.
   */
  readonly kind: 'output' | 'input-change';
  /** What it is without the fit, transposed: [rows, columns], row-major. */
  readonly weights: Float32Array;
  readonly rows: number;
  /** The residual stream's width for `output`. */
  readonly columns: number;
  /** X^T X / tokens, X being its inputs in the pruned model; [rows, rows], row-major, may be overwritten. */
  readonly gram: Float64Array;
  /** X^T T / tokens, [rows, columns], may be overwritten. */
  readonly product: Float64Array;
  /** As in `HalfBlock`. */
  readonly multiplyTransposed: TransposedProduct;
  readonly breathe?: Breathe;
}

/** The output map of a half-block (down or o), its rows in ranked order, whole groups together. */
export interface HalfBlock {
  /** Transposed: [rows, hidden], row-major. */
  readonly weights: Float32Array;
  readonly rows: number;
  readonly hidden: number;
  /** Need `mean`: the mean input of each row. */
  readonly mean?: Float64Array;
  /** Need `gram`: X^T X / tokens, [rows, rows], row-major; the plug-in may overwrite it. */
  readonly gram?: Float64Array;
  /** C = A^T B, fast: what large products should use. float64 takes twice as long as float32. */
  readonly multiplyTransposed: TransposedProduct;
  readonly breathe?: Breathe;
}

/**
 * To be awaited now and then in work that takes more than a second, with the share of it that is done: tells how far it
 * is, and lets a cancel through. Rejects with the signal's reason; it costs next to nothing.
 */
export type Breathe = (share: number) => Promise<void>;

/** A [inner, rows], B [inner, columns] and the product [rows, columns], all row-major and of one precision. */
export type TransposedProduct = <Values extends Float32Array | Float64Array>(
  a: Values,
  b: Values,
  sizes: { readonly inner: number; readonly rows: number; readonly columns: number },
) => Promise<Values>;

export interface PreparedCompensation {
  /** The compensated weights of the first `width` rows, [width, hidden]; a view if nothing changed. */
  compensate(width: number): CompensatedHalfBlock | Promise<CompensatedHalfBlock>;
  /**
   * ||X W - X_k W'||^2 / tokens (damping included) if `width` rows stay; undefined if the compensation knows no error.
   */
  error?(width: number): number;
  /** What it holds in memory beside the half-block's own weights; undefined for next to nothing. */
  readonly heldBytes?: number;
}

export interface CompensatedHalfBlock {
  readonly weights: Float32Array;
  /** [hidden], added to the half-block's output; undefined for none. */
  readonly bias?: Float32Array;
}
