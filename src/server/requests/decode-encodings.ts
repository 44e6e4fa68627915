import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countRows, type EncodingBatch } from '../../core/pairs.js';
import type { EncodingBatch as EncodingBatchMessage } from '../../gen/prunecast/v1/common.js';

/**
 * The encodings of a Predict request.
 *
 * @param dimensions the predictor's, in its order
 * @param maxRows the most rows of one call
 * @throws PrunecastError INVALID_REQUEST and MESSAGE_TOO_LARGE with the field at fault
 */
export function decodeEncodings(
  message: EncodingBatchMessage | undefined,
  dimensions: readonly string[],
  maxRows: number,
): EncodingBatch {
  if (message === undefined || message.rates.length === 0)
    throw PrunecastError.ofField(
      'encodings.rates',
      'is empty: give at least one row of float32 rates, or architectures',
    );
  if (message.dimensions !== dimensions.length) {
    throw PrunecastError.ofField(
      'encodings.dimensions',
      `is ${message.dimensions}; the predictor has ${dimensions.length} (GetPredictor names them)`,
    );
  }
  const rowBytes = 4 * dimensions.length;
  if (message.rates.length % rowBytes !== 0)
    throw PrunecastError.ofField(
      'encodings.rates',
      `has ${message.rates.length} bytes, which is not a multiple of the ${rowBytes} bytes of a row`,
    );
  const rates = new Float32Array(message.rates.length / 4);
  const view = new DataView(message.rates.buffer, message.rates.byteOffset, message.rates.byteLength);
  for (let index = 0; index < rates.length; index++) rates[index] = view.getFloat32(4 * index, true);
  const batch = { rates, columns: dimensions.length };
  if (countRows(batch) > maxRows)
    throw PrunecastError.ofField(
      'encodings.rates',
      `has ${countRows(batch)} rows; one call takes ${maxRows}: send pages`,
      'MESSAGE_TOO_LARGE',
    );
  const bad = rates.findIndex((rate) => !(rate >= 0 && rate <= 1));
  if (bad >= 0)
    throw PrunecastError.ofField(
      'encodings.rates',
      `row ${Math.floor(bad / dimensions.length)}, ${dimensions[bad % dimensions.length]}: is ${rates[bad]}; allowed is 0 to 1`,
    );
  return batch;
}
