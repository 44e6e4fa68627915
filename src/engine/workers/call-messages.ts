import type { WorkProgress } from '../../core/ports/work-context.js';
import type { ErrorMessage } from './message-errors.js';

/** The calls that a thread answers, by name: their arguments, the items they send before they end, and their result. */
export type CallTable<Names extends string = string> = {
  readonly [Name in Names]: { readonly argument: unknown; readonly item: unknown; readonly result: unknown };
};

/**
 * Messages to a thread. `budgetBytes`: memory for this call and for what is kept after it; the thread's whole budget if
 * omitted.
 */
export type CallRequest =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly name: string;
      readonly argument: unknown;
      readonly budgetBytes?: number;
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'close' };

/** Messages from a thread; `result` and `error` end a call. `heldBytes`: memory that the thread keeps between calls. */
export type CallAnswer =
  | { readonly kind: 'item'; readonly id: number; readonly item: unknown }
  | { readonly kind: 'progress'; readonly id: number; readonly progress: WorkProgress }
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown; readonly heldBytes: number }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorMessage; readonly heldBytes: number };
