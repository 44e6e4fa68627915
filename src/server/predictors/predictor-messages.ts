import type { EncodingBatch, PairTable } from '../../core/pairs.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { Prediction } from '../../core/ports/predictor.js';

/** The data that the thread or process of a predictor starts with. */
export interface PredictorTask {
  readonly address: PluginAddress & { readonly kind: 'predictor' };
  /** The saved predictor, if this worker replaces one that was ended; undefined before it is fitted or loaded. */
  readonly saved: Uint8Array | undefined;
}

/** The calls that it answers. */
export type PredictorCalls = {
  /** Returns the saved predictor. */
  fit: {
    argument: {
      readonly pairs: PairTable;
      readonly options: unknown;
      readonly seed: number;
      readonly files: Readonly<Record<string, Uint8Array>> | undefined;
    };
    item: never;
    result: Uint8Array;
  };
  load: { argument: Uint8Array; item: never; result: undefined };
  predict: { argument: EncodingBatch; item: never; result: Prediction };
};
