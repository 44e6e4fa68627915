import type { WorkContext } from '../../core/ports/work-context.js';
import type { CallAnswer } from './call-messages.js';
import { decodeError } from './message-errors.js';

/** A call that a thread works on, as its caller sees it. */
export interface OpenCall {
  receive(message: CallAnswer): void;
  fail(error: unknown): void;
  /** The next item, or finally the result; rejects with the error of the call. */
  next(): Promise<{ readonly kind: 'item' | 'result'; readonly value: unknown }>;
}

/** @param report receives the progress of the call */
export function createOpenCall(report: WorkContext['report']): OpenCall {
  const waiting: { readonly kind: 'item' | 'result'; readonly value: unknown }[] = [];
  let failure: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;
  return {
    receive: (message) => {
      if (message.kind === 'progress') {
        report?.(message.progress);
        return;
      }
      if (message.kind === 'error') failure ??= { error: decodeError(message.error) };
      else waiting.push({ kind: message.kind, value: message.kind === 'item' ? message.item : message.result });
      wake?.();
    },
    fail: (error) => {
      failure ??= { error };
      wake?.();
    },
    next: async () => {
      for (;;) {
        const first = waiting.shift();
        if (first !== undefined) return first;
        if (failure !== undefined) throw failure.error;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
