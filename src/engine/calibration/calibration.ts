import type { CompensationNeed } from '../../core/ports/compensation.js';
import type { CriterionNeed } from '../../core/ports/criterion.js';
/** What plug-ins need to be given. */
export type CalibrationNeed = CriterionNeed | CompensationNeed;

/** Whether a pass gathers something of these needs. Gradients have a pass of their own. */
export function needsStatistics(needs: readonly CalibrationNeed[]): boolean {
  return needs.some((need) => !WITHOUT_STATISTICS.has(need));
}

/** `sequences` are for fits on the stream, and for what reads the text by its own means. */
const WITHOUT_STATISTICS: ReadonlySet<CalibrationNeed> = new Set(['weights', 'gradients', 'checkpoint', 'sequences']);

/** Statistics of the dense model over the calibration sequences, units in their own order. */
export interface Calibration {
  readonly sequences: number;
  /** BOS included. */
  readonly tokens: number;
  /**
   * One entry per layer; a half-block that the model does not have has empty arrays. Empty if only gradients were
   * needed.
   */
  readonly layers: readonly LayerStatistics[];
  /**
   * With need `gram` or `sequences`: the name under which the model's thread keeps the Gram matrices, which are too large to be passed
   * on.
   */
  readonly gramKey?: string;
  /** With need `gram` or `sequences`: the sequences, in case the thread has dropped the matrices, and for fits on the stream. */
  readonly gramSequences?: readonly Int32Array[];
  /** With need `gradients`: the sequences. Gradients are too large to be kept; scoring computes them layer by layer. */
  readonly gradientSequences?: readonly Int32Array[];
}

export interface LayerStatistics {
  /** Of the inputs of o: one entry per column, [query heads * head_dim]. */
  readonly attention: InputStatistics;
  /** Of the inputs of down: one entry per channel. */
  readonly ffn: InputStatistics;
  /** Mean over tokens of 1 - cos(block input, block output). */
  readonly blockInfluence: number;
}

/** Moments of each input over all calibration tokens. */
export interface InputStatistics {
  readonly mean: Float64Array;
  readonly meanSquare: Float64Array;
}
