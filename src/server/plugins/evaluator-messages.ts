import type { Evaluation } from '../../core/metric.js';
import type { EvaluationPlan, ObservedArchitecture } from '../../core/ports/evaluator.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { ErrorMessage } from '../../engine/workers/message-errors.js';

/** The data that the thread of an evaluator starts with. */
export interface EvaluatorTask {
  readonly address: PluginAddress & { readonly kind: 'evaluator' };
  /** Complete. */
  readonly options: unknown;
  readonly observed: ObservedArchitecture;
  readonly plan: EvaluationPlan;
}

/** The only message from the thread. */
export type EvaluatorMessage =
  | { readonly kind: 'reduced'; readonly evaluation: Evaluation }
  | { readonly kind: 'failed'; readonly error: ErrorMessage };
