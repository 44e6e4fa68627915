import type { EncodingBatch, PairTable } from '../pairs.js';
import type { PluginManifest } from './plugin.js';

/** A kind of predictor: fits pairs, and gets a fitted one back from its bytes. */
export interface Predictor<Options = unknown> extends PluginManifest<Options> {
  readonly kind: 'predictor';
  /**
   * What it is fitted and asked in; either is ended on an error, and where a cancelled question does not come back.
   * `worker`: a thread. `process`: a process, for native code that may never come back, or crash: a thread in it could
   * not be ended.
   */
  readonly runsIn: 'worker' | 'process';
  /**
   * Where it learns. `here`: from the pairs of `fit`. `elsewhere`: it was fitted before, on pairs that nobody here
   * knows of; `fit` only opens it. Pairs that it may have seen say nothing of how good it is on others: quality and
   * intervals come from those alone that the caller says it has not seen, and a chooser leaves it out.
   *
   * @default 'here'
   */
  readonly learns?: 'here' | 'elsewhere';
  /** The fewest and most pairs it takes. */
  readonly pairs: { readonly least: number; readonly most: number };
  /**
   * Options in place of those given where a fit only judges among others: nearly as good, in a fraction of the time.
   */
  readonly quick?: Partial<Options>;
  /**
   * Files that the options name, by a name of the plug-in's own: paths under the data and model roots. What they hold
   * comes with `fit`.
   */
  files?(options: Options): Readonly<Record<string, string>>;
  /** Fits the pairs; equal pairs, options and seed give a model of equal predictions. May take long. */
  fit(
    pairs: PairTable,
    options: Options,
    seed: number,
    files?: Readonly<Record<string, Uint8Array>>,
  ): Promise<FittedPredictor>;
  /** A fitted predictor from `FittedPredictor.save()`: bit-equal predictions. */
  load(bytes: Uint8Array): Promise<FittedPredictor>;
}

/** Stands for the best of other predictors on the pairs at hand; it is never fitted itself. */
export interface PredictorChooser<Options = unknown> extends PluginManifest<Options> {
  readonly kind: 'predictor';
  /** The fewest and most pairs it takes. */
  readonly pairs: { readonly least: number; readonly most: number };
  /** How the others are compared. */
  compare(options: Options): PredictorComparison;
}

export interface PredictorComparison {
  /** Parts of the pairs, each predicted from the others. */
  readonly folds: number;
  /** Ids of those that may be chosen; empty for all that need no options. */
  readonly among: readonly string[];
}

export interface FittedPredictor {
  predict(batch: EncodingBatch): Promise<Prediction>;
  /** All there is to know of the model; `load` reads it back. */
  save(): Uint8Array;
}

/** One value a row, on the scale of the fit. */
export interface Prediction {
  readonly mean: Float64Array;
  /** The predictor's own standard deviation; undefined where it has none. */
  readonly deviation?: Float64Array;
}
