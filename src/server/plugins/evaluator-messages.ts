import type { Evaluation } from '../../core/metric.js';
import type { EvaluationPlan, ObservedArchitecture } from '../../core/ports/evaluator.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { WorkProgress } from '../../core/ports/work-context.js';
import type { ErrorMessage } from '../../engine/workers/message-errors.js';

/** The data that the thread of an evaluator starts with. */
export interface EvaluatorTask {
  readonly address: PluginAddress & { readonly kind: 'evaluator' };
  /** Complete. */
  readonly options: unknown;
  readonly observed: ObservedArchitecture;
  readonly plan: EvaluationPlan;
}

/** The only message to the thread. */
export type EvaluatorReply = { readonly kind: 'cancel' };

/** Messages from the thread; `reduced` and `failed` come last. */
export type EvaluatorMessage =
  | { readonly kind: 'progress'; readonly progress: WorkProgress }
  | { readonly kind: 'reduced'; readonly evaluation: Evaluation }
  | { readonly kind: 'failed'; readonly error: ErrorMessage };
