import type { PluginManifest } from './plugin.js';
import type { WorkContext } from './work-context.js';

/** Trains a pruned model after its compensation, with calibration text alone. */
export interface Recovery<Options = unknown, Context extends WorkContext = WorkContext>
  extends PluginManifest<Options> {
  readonly kind: 'recovery';
  /** How the engine trains it; undefined: the model stays as it is. */
  plan(options: Options, context?: Context): TrainingPlan | undefined;
}

/** What a training has come to. The losses are mean next-token losses, natural log, on the held-out sequences. */
export interface TrainingResult {
  readonly steps: number;
  /** Tokens of all steps. */
  readonly tokens: number;
  readonly seconds: number;
  /** Before the first step. */
  readonly before: number;
  /** Of the best weights. */
  readonly after: number;
  /** The step after which the weights were best; 0: before the first. */
  readonly bestStep: number;
  /** `out-of-time`: the time limit allowed fewer steps than the passes need. */
  readonly ended: 'finished' | 'out-of-time' | 'no-more-gain';
}

/**
 * A training of the weight matrices of all kept half-blocks by AdamW ("Decoupled Weight Decay Regularization", arXiv
 * 1711.05101). The unpruned model is the teacher. Norms, biases, embeddings and head stay as they are.
 */
export interface TrainingPlan {
  readonly loss: {
    /** Softens the distributions of both models; above 0. */
    readonly temperature: number;
    /** The share of the text's own next token in the loss, 0 to 1; the rest is the teacher's distribution. */
    readonly crossEntropy: number;
    /**
     * 0 or undefined: none; otherwise, times the mean over layers, the squared error of the hidden states after each,
     * relative to the square of the teacher's, is added.
     */
    readonly layerErrors?: number | undefined;
  };
  /**
   * 0 or undefined: the weights themselves are trained; otherwise factors of this rank, whose products are added to them
   * ("LoRA", arXiv 2106.09685).
   */
  readonly rank?: number | undefined;
  /** Sequences of each step. */
  readonly sequencesPerStep: number;
  /** How often each training sequence is used; may be a fraction. */
  readonly passes: number;
  /**
   * Training ends in time to take at most so long; how many steps fit is decided by the pace of the first ones.
   */
  readonly mostMinutes: number;
  readonly rate: {
    /** The learning rate after warm-up. */
    readonly peak: number;
    /** Steps in which the rate rises to its peak, in equal parts. */
    readonly warmUpSteps: number;
    /** Which share of the peak is left at the end of the cosine. */
    readonly finalShare: number;
  };
  readonly optimiser: {
    readonly firstDecay: number;
    readonly secondDecay: number;
    readonly epsilon: number;
    /** Times the learning rate, what each weight loses in a step. */
    readonly weightDecay: number;
    /** Gradients of a half-block with a larger norm are scaled down to it. */
    readonly clipNorm: number;
  };
  /** One sequence in so many is not trained on; the best weights are chosen on these. */
  readonly heldOutEvery: number;
  /** How often the held-out sequences are measured, in equal distances. */
  readonly checks: number;
  /** Training ends after so many checks without a new best. */
  readonly patience: number;
  /** Fixes the order of the sequences. */
  readonly seed: number;
}
