import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { ExportSummary, PrunedModel, PrunedTensor, RowRange } from '../../core/ports/exporter.js';
import type { WorkProgress } from '../../core/ports/work-context.js';
import type { ErrorMessage } from '../../engine/workers/message-errors.js';

/** The data that the thread of an exporter starts with. */
export interface ExportTask {
  readonly address: PluginAddress & { readonly kind: 'exporter' };
  /** Complete. */
  readonly options: unknown;
  readonly directory: string;
  /** The pruned model without the parts that the thread has to ask for. */
  readonly model: Omit<PrunedModel, 'readSource' | 'listCompanions' | 'tensors'>;
  readonly tensors: readonly Omit<PrunedTensor, 'read'>[];
}

/** A part of the pruned model that an exporter asks for. */
export type ExportQuestion =
  | {
      readonly kind: 'tensor';
      readonly index: number;
      readonly rows: RowRange | undefined;
      /** Of both threads, where the answer may be put. */
      readonly memory: Uint8Array | undefined;
    }
  | { readonly kind: 'source'; readonly file: string }
  | { readonly kind: 'companions' };

/** Messages to the thread. */
export type ExportReply =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorMessage }
  | { readonly kind: 'cancel' };

/** Messages from the thread; `written` and `failed` come last. */
export type ExportMessage =
  | { readonly kind: 'question'; readonly id: number; readonly question: ExportQuestion }
  | { readonly kind: 'progress'; readonly progress: WorkProgress }
  | { readonly kind: 'written'; readonly summary: ExportSummary }
  | { readonly kind: 'failed'; readonly error: ErrorMessage };
