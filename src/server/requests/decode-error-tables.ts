import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ErrorTable } from '../../core/features/error-table.js';
import type { PairSet } from '../../gen/prunecast/v1/pair.js';
import type { FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import { decodeFeatures } from './decode-features.js';

/**
 * The tables that a request brings for its features, empty where they are to be measured; undefined where its features are the
 * rates alone. Throws INVALID_REQUEST naming the field at fault.
 */
export function decodeErrorTables(
  request: Pick<FitPredictorRequest, 'features' | 'errorTables'>,
  set: Pick<PairSet, 'dimensions'>,
): readonly ErrorTable[] | undefined {
  const features = decodeFeatures(request.features, []);
  const tables = request.errorTables.map((table, index): ErrorTable => {
    const field = `error_tables[${index}]`;
    if (!set.dimensions.includes(table.dimension))
      throw PrunecastError.ofField(`${field}.dimension`, `is "${table.dimension}", which is no dimension of the pairs`);
    if (request.errorTables.findIndex(({ dimension }) => dimension === table.dimension) < index)
      throw PrunecastError.ofField(
        `${field}.dimension`,
        `is "${table.dimension}" again: give each dimension one table`,
      );
    if (table.errors.length < 2)
      throw PrunecastError.ofField(
        `${field}.errors`,
        `has ${table.errors.length} values: one for every kept count from none to all is needed`,
      );
    const bad = table.errors.findIndex((error) => !(error >= 0 && error < Number.POSITIVE_INFINITY));
    if (bad >= 0)
      throw PrunecastError.ofField(
        `${field}.errors[${bad}]`,
        `is ${table.errors[bad]}; a finite number of at least 0 is needed`,
      );
    return { dimension: table.dimension, errors: Float32Array.from(table.errors) };
  });
  if (features !== PredictorFeatures.RATES_AND_ERRORS) {
    if (tables.length > 0)
      throw PrunecastError.ofField(
        'error_tables',
        'are given, and the features are the rates alone: ask for RATES_AND_ERRORS',
      );
    return undefined;
  }
  return tables;
}
