import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { addErrorColumns, addErrors, type ErrorTable } from '../../core/features/error-table.js';
import type { PairTable } from '../../core/pairs.js';
import {
  fitHosted,
  loadHosted,
  type HostedPredictor,
  type PredictorModule,
  type PredictorWorkers,
} from './predictor-host.js';

/** What a predictor sees of an architecture besides its rates. */
export interface Features {
  /** Names of the columns of a call. */
  readonly dimensions: readonly string[];
  /** Calibration errors; empty for rates alone. */
  readonly tables: readonly ErrorTable[];
}

/**
 * Fits a predictor on rates and further features; when it is asked about rates, it looks the features up. Throws as
 * `fitHosted`.
 */
export async function fitWidened(
  module: PredictorModule,
  pairs: PairTable,
  tables: readonly ErrorTable[],
  seed: number,
  workers: PredictorWorkers,
): Promise<HostedPredictor> {
  return widen(await fitHosted(module, addErrorColumns(pairs, tables), seed, { workers }), {
    dimensions: pairs.dimensions,
    tables,
  });
}

/** Loads a fitted predictor from what its backend saved; its predictions are bit-equal. Throws as `loadHosted`. */
export async function loadWidened(
  module: PredictorModule,
  bytes: Uint8Array,
  features: Features,
  signal: AbortSignal,
): Promise<HostedPredictor> {
  return widen(await loadHosted(module, bytes, { signal }), features);
}

function widen(hosted: HostedPredictor, { dimensions, tables }: Features): HostedPredictor {
  return {
    ...hosted,
    predict: async (batch, work) => {
      if (batch.columns !== dimensions.length)
        throw new PrunecastError(
          'PREDICTOR_FAILED',
          `the predictor was asked with ${batch.columns} columns and has ${dimensions.length}, recipes included: ask it by Predict, with a recipe_digest`,
        );
      return hosted.predict(addErrors(batch, dimensions, tables), work);
    },
  };
}
