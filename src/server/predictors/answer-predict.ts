import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countRows, type EncodingBatch } from '../../core/pairs.js';
import type { EncodingBatch as EncodingBatchMessage } from '../../gen/prunecast/v1/common.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import type { PredictRequest, PredictResponse } from '../../gen/prunecast/v1/pruning.js';
import { MAX_PREDICT_ROWS } from '../config/limits.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import type { FittedPredictors } from './fitted-predictors.js';
import { listOutOfRange, predictMetrics } from './predict-metrics.js';
import { withRecipe } from './with-recipe.js';

/** What a fitted predictor says of a batch of architectures, in the metric's own unit. */
export async function answerPredict(
  { predictors, plugins }: { readonly predictors: FittedPredictors; readonly plugins: PluginRegistry },
  request: PredictRequest,
): Promise<PredictResponse> {
  const open = await predictors.open(request.predictorId);
  const batch = decodeEncodings(request.encodings, open.predictor);
  return {
    predictorId: open.predictor.id,
    predictions: await predictMetrics(plugins, open, withRecipe(batch, open.predictor, request.recipeDigest)),
    outOfRange: listOutOfRange(batch, open.predictor),
  };
}

function decodeEncodings(message: EncodingBatchMessage | undefined, { dimensions }: Predictor): EncodingBatch {
  if (message === undefined || message.rates.length === 0) throw PrunecastError.ofField('encodings.rates', 'is empty: give at least one row of float32 rates');
  if (message.dimensions !== dimensions.length) {
    throw PrunecastError.ofField('encodings.dimensions', `is ${message.dimensions}; the predictor has ${dimensions.length} (GetPredictor names them)`);
  }
  const rowBytes = 4 * dimensions.length;
  if (message.rates.length % rowBytes !== 0) throw PrunecastError.ofField('encodings.rates', `has ${message.rates.length} bytes, which are no whole rows of ${rowBytes}`);
  const rates = new Float32Array(message.rates.length / 4);
  const view = new DataView(message.rates.buffer, message.rates.byteOffset, message.rates.byteLength);
  for (let index = 0; index < rates.length; index++) rates[index] = view.getFloat32(4 * index, true);
  const batch = { rates, columns: dimensions.length };
  if (countRows(batch) > MAX_PREDICT_ROWS) throw PrunecastError.ofField('encodings.rates', `has ${countRows(batch)} rows; one call takes ${MAX_PREDICT_ROWS}: send pages`, 'MESSAGE_TOO_LARGE');
  const bad = rates.findIndex((rate) => !(rate >= 0 && rate <= 1));
  if (bad >= 0) throw PrunecastError.ofField('encodings.rates', `row ${Math.floor(bad / dimensions.length)}, ${dimensions[bad % dimensions.length]}: is ${rates[bad]}; allowed is 0 to 1`);
  return batch;
}
