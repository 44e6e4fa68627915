import type { ModelShape } from '../model/shape.js';
import type { ScoredKind, UnitGroup } from '../model/unit-groups.js';
import type { UnitKind } from '../model/units.js';
import type { Breathe, TransposedProduct } from './compensation.js';
import type { PluginManifest } from './plugin.js';
import type { WorkContext } from './work-context.js';
import type { Rng } from '../random.js';

/**
 * What a criterion must be given. One pass over the calibration text serves `activations`, `gram`, `gradients` and
 * `block-io`. `checkpoint` and `sequences` are for a `ModelCriterion`.
 */
export type CriterionNeed = 'weights' | 'activations' | 'gram' | 'gradients' | 'block-io' | 'checkpoint' | 'sequences';

/** Gives each unit an importance score (higher = keep). */
export type AnyCriterion<Options = unknown> = Criterion<Options> | ModelCriterion<Options>;

/** One that scores the units of one layer at a time, shown by the engine. */
export interface Criterion<Options = unknown, Context extends WorkContext = WorkContext>
  extends PluginManifest<Options> {
  readonly kind: 'criterion';
  readonly needs: readonly CriterionNeed[];
  /** One score per unit, in the order of `units`; higher = keep. Called once per layer and kind of unit. */
  score(layer: LayerUnits, options: Options, context?: Context): Float32Array | Promise<Float32Array>;
  /**
   * With need `gram`: the most bytes that `score` holds at once for a half-block of this many rows, the given Gram matrix
   * included; undefined for little more than that. The memory budget relies on it.
   */
  scoringBytes?(rows: number, hidden: number): number;
  readonly scoreModel?: undefined;
}

/** One that reads the checkpoint by its own means and scores the whole model at once, such as by a pass in PyTorch. */
export interface ModelCriterion<Options = unknown, Context extends WorkContext = WorkContext>
  extends PluginManifest<Options> {
  readonly kind: 'criterion';
  /** `checkpoint`, and `sequences` if it looks at the calibration text. */
  readonly needs: readonly CriterionNeed[];
  /** The scores of all groups of the model, each once, in any order. Called once per model. */
  scoreModel(model: ScoredModel, options: Options, context: Context): AsyncIterable<GroupScores>;
  readonly score?: undefined;
  readonly scoringBytes?: undefined;
}

/** A model that is scored as a whole. */
export interface ScoredModel {
  readonly shape: ModelShape;
  /** The absolute path of its folder, with config.json and safetensors files; nothing may be written there. */
  readonly directory: string;
  /** Names its weights and its configuration. */
  readonly digest: string;
  /** What is to be scored. */
  readonly groups: readonly UnitGroup[];
  /** With need `sequences`: the calibration text as token ids, BOS included if it is wanted. */
  readonly sequences?: readonly Int32Array[];
  /** Random numbers come from it alone. A safe integer. */
  readonly seed: number;
}

/** Scores of one group. */
export interface GroupScores {
  readonly layer: number;
  readonly kind: ScoredKind;
  /** One per unit, in their order in the checkpoint; higher = keep. */
  readonly scores: Float32Array;
}

export interface LayerUnits {
  readonly layer: number;
  readonly kind: UnitKind;
  readonly units: readonly Unit[];
  /** Seeded by the recipe, the layer and the kind. */
  readonly rng: Rng;
  /** With need `block-io`: mean over tokens of 1 - cos(block input, block output). */
  readonly blockInfluence?: number;
  /** With need `gram`: the half-block that the units belong to. */
  readonly half?: ScoredHalf;
}

/**
 * The output map of a half-block (down or o), with what goes into it. Each unit has equally many rows, those of its
 * `columns`, and they follow each other as the units do.
 */
export interface ScoredHalf {
  /** Transposed: [rows, hidden], row-major. */
  readonly weights: Float32Array;
  readonly rows: number;
  readonly hidden: number;
  /** X^T X / tokens, [rows, rows], row-major; a criterion may overwrite it. */
  readonly gram: Float64Array;
  /** How many neighbours are ranked among each other: query heads those of their group, otherwise all units. */
  readonly unitsTogether: number;
  /** As in `HalfBlock`. */
  readonly multiplyTransposed: TransposedProduct;
  readonly breathe?: Breathe;
}

/**
 * One unit. An FFN channel has its rows of gate and up and its column of down; a query head its rows of q and columns
 * of o; a key-value group its rows of k and v, and the rows and columns of all its query heads.
 */
export interface Unit {
  /** All weights of the unit, as slices of any lengths. */
  readonly weights: readonly Float32Array[];
  /** The unit's columns of down or o, with what goes into them. */
  readonly columns: readonly OutputColumn[];
  /** With need `gradients`: dLoss/dW of the mean loss, slice by slice like `weights`. */
  readonly gradients?: readonly Float32Array[];
  /**
   * With need `gradients`: the mean over sequences of each sequence's squared gradient, slice by slice like `weights`.
   */
  readonly meanSquaredGradients?: readonly Float32Array[];
}

/** One column of down or o, and the statistics of its input over all calibration tokens (need `activations`). */
export interface OutputColumn {
  /** [hidden] */
  readonly weights: Float32Array;
  readonly mean: number;
  readonly meanSquare: number;
}
