import type { Precision } from '../../core/measurement.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { ArchitectureLosses, EvaluatedArchitecture, EvaluationPlan, Window } from '../../core/ports/evaluator.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { WorkProgress } from '../../core/ports/work-context.js';
import type { ErrorMessage } from '../../engine/workers/message-errors.js';

/** The data that the thread of a measurement starts with. */
export interface EvaluatorTask {
  readonly address: PluginAddress & { readonly kind: 'evaluator' };
  /** Complete. */
  readonly options: unknown;
  readonly shape: ModelShape;
  readonly architectures: readonly Architecture[];
  readonly plan: EvaluationPlan;
}

/**
 * Messages from the thread. `losses` asks for losses of the model, `leave` stops reading; `measured` and `failed` come
 * last.
 */
export type EvaluatorMessage =
  | {
      readonly kind: 'losses';
      readonly id: number;
      readonly architectures: readonly Architecture[];
      readonly windows: readonly Window[];
      readonly precision: Precision | undefined;
    }
  | { readonly kind: 'leave'; readonly id: number }
  | { readonly kind: 'progress'; readonly progress: WorkProgress }
  | { readonly kind: 'result'; readonly result: EvaluatedArchitecture }
  | { readonly kind: 'measured' }
  | { readonly kind: 'failed'; readonly error: ErrorMessage };

/** Messages to the thread, about losses that it asked for; `end` and `error` come last. */
export type LossesMessage =
  | { readonly kind: 'item'; readonly id: number; readonly item: ArchitectureLosses }
  | { readonly kind: 'progress'; readonly id: number; readonly progress: WorkProgress }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorMessage };
