import type { PairTable } from '../../core/pairs.js';
import type { ErrorMessage } from '../../engine/workers/message-errors.js';
import type { FitSettings, MetricFit } from './fit-metric.js';
import type { PredictorModule } from './predictor-host.js';

/** The plug-in to be fitted, or the plug-ins to choose from. */
export interface BackendsMessage {
  /** Folds of the choice; undefined if there is one module, to be fitted without a choice. */
  readonly folds: number | undefined;
  readonly modules: readonly PredictorModule[];
}

/** What the thread of fits is to do. */
export interface FitTask extends FitSettings {
  /** One per metric, with the same rates. */
  readonly pairs: readonly PairTable[];
  /** Names of the rate columns, without those of recipes. */
  readonly dimensions: readonly string[];
  readonly backends: BackendsMessage;
}

/** How many fits of backends are over, told before the answer. */
export interface FitProgress {
  readonly kind: 'progress';
  readonly done: number;
  readonly total: number;
}

/** The one answer to a task. */
export type FitAnswer =
  | { readonly kind: 'fitted'; readonly fits: readonly MetricFit[]; readonly pairsDigest: string }
  | { readonly kind: 'failed'; readonly error: ErrorMessage };
