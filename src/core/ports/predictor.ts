import type { EncodingBatch, PairTable } from '../pairs.js';
import type { PluginManifest } from './plugin.js';
import type { WorkContext } from './work-context.js';

/** A kind of predictor: fits pairs, and gets a fitted one back from its bytes. */
export interface Predictor<Options = unknown, Context extends WorkContext = WorkContext>
  extends PluginManifest<Options> {
  readonly kind: 'predictor';
  /**
   * Where it is fitted and asked: `worker` is a thread, `process` a process, for native code that may hang or crash and
   * whose thread could not be ended. Either is ended on an error, or if a cancelled call does not return.
   */
  readonly runsIn: 'worker' | 'process';
  /**
   * Where it learns. `here`: from the pairs of `fit`. `elsewhere`: it was fitted before, on unknown pairs; `fit` only
   * opens it. Pairs that it may have seen do not tell how good it is on others, so quality and intervals come only from
   * pairs that the caller names as unseen, and a chooser leaves it out.
   *
   * @default 'here'
   */
  readonly learns?: 'here' | 'elsewhere';
  /** The fewest and most pairs it takes. */
  readonly pairs: { readonly least: number; readonly most: number };
  /** The options to use instead if a fit only serves to compare backends: nearly as good, in a fraction of the time. */
  readonly quick?: Partial<Options>;
  /**
   * Files that the options name, each under a name that the plug-in chooses: paths under the data and model roots.
   * `fit` gets their contents.
   */
  files?(options: Options): Readonly<Record<string, string>>;
  /** Fits the pairs; equal pairs, options and seed give equal predictions. May take long. */
  fit(
    pairs: PairTable,
    options: Options,
    seed: number,
    files?: Readonly<Record<string, Uint8Array>>,
    context?: Context,
  ): Promise<FittedPredictor>;
  /** The fitted predictor that `FittedPredictor.save()` wrote, with bit-equal predictions. */
  load(bytes: Uint8Array, context?: Context): Promise<FittedPredictor>;
}

/** Chooses the best of other predictors for the given pairs; it is never fitted itself. */
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
  /** @param work its signal fires when the caller no longer waits; undefined for a call that nobody can leave */
  predict(batch: EncodingBatch, work?: WorkContext): Promise<Prediction>;
  /** The whole model, for `load`. */
  save(): Uint8Array;
}

/** One value per row, on the scale of the fit. */
export interface Prediction {
  readonly mean: Float64Array;
  /** The predictor's own standard deviation; undefined if it has none. */
  readonly deviation?: Float64Array;
}
