import type { EncodingBatch, PairTable } from '../../core/pairs.js';
import type { Prediction } from '../../core/ports/predictor.js';
import type { Reason } from '../../core/errors/reasons.js';

/** What the thread of a predictor is started with. */
export interface PredictorTask {
  /** Module whose default export is the predictor. */
  readonly moduleUrl: string;
  readonly start:
    | { readonly kind: 'fit'; readonly pairs: PairTable; readonly options: unknown; readonly seed: number; readonly files: Readonly<Record<string, Uint8Array>> | undefined }
    | { readonly kind: 'load'; readonly bytes: Uint8Array };
}

/** Asks the fitted predictor. */
export interface PredictorQuestion {
  readonly id: number;
  readonly batch: EncodingBatch;
}

/** `ready` once, then an answer a question. */
export type PredictorAnswer =
  | { readonly kind: 'ready'; readonly saved: Uint8Array }
  | { readonly kind: 'predicted'; readonly id: number; readonly prediction: Prediction }
  | { readonly kind: 'failed'; readonly id: number | undefined; readonly reason: Reason; readonly message: string; readonly metadata: Readonly<Record<string, string>> };
