import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ErrorTable } from '../../core/features/error-table.js';
import type { PairSet } from '../../gen/prunecast/v1/pair.js';
import type { FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import { PredictorFeatures, type ErrorTable as ErrorTableMessage } from '../../gen/prunecast/v1/predictor_types.js';
import { decodeFeatures } from './decode-features.js';

/** The most errors of all tables together, with interpolated ones; Llama 3.1 70B has 2.3 million. */
const MOST_VALUES = 16_777_216;

/**
 * The tables that a request sends for its features: empty if they are to be measured, undefined if the features are
 * only the rates. Throws INVALID_REQUEST naming the field at fault.
 */
export function decodeErrorTables(
  request: Pick<FitPredictorRequest, 'features' | 'errorTables'>,
  set: Pick<PairSet, 'dimensions'>,
): readonly ErrorTable[] | undefined {
  const features = decodeFeatures(request.features, []);
  requireFew(request.errorTables);
  const tables = request.errorTables.map((table, index): ErrorTable => {
    const field = `error_tables[${index}]`;
    if (!set.dimensions.includes(table.dimension))
      throw PrunecastError.ofField(
        `${field}.dimension`,
        `is "${table.dimension}", which is not a dimension of the pairs`,
      );
    if (request.errorTables.findIndex(({ dimension }) => dimension === table.dimension) < index)
      throw PrunecastError.ofField(
        `${field}.dimension`,
        `is "${table.dimension}" again: give each dimension one table`,
      );
    if (table.errors.length < 2)
      throw PrunecastError.ofField(
        `${field}.errors`,
        `has ${table.errors.length} values: at least those of keeping none and all are needed`,
      );
    const bad = table.errors.findIndex((error) => !(error >= 0 && error < Number.POSITIVE_INFINITY));
    if (bad >= 0)
      throw PrunecastError.ofField(
        `${field}.errors[${bad}]`,
        `is ${table.errors[bad]}; a finite number of at least 0 is needed`,
      );
    return { dimension: table.dimension, errors: spreadErrors(table, field) };
  });
  if (features !== PredictorFeatures.RATES_AND_ERRORS) {
    if (tables.length > 0)
      throw PrunecastError.ofField(
        'error_tables',
        'are given, but the features are only the rates: ask for RATES_AND_ERRORS',
      );
    return undefined;
  }
  return tables;
}

/** The error of every kept count, interpolated linearly between the given ones. Throws INVALID_REQUEST. */
function spreadErrors({ errors, counts }: ErrorTableMessage, field: string): Float32Array {
  if (counts.length === 0) return Float32Array.from(errors);
  if (counts.length !== errors.length)
    throw PrunecastError.ofField(`${field}.counts`, `has ${counts.length} entries, errors has ${errors.length}`);
  const wrong = counts.findIndex((count, place) => (place === 0 ? count !== 0 : count <= (counts[place - 1] ?? 0)));
  if (wrong >= 0)
    throw PrunecastError.ofField(
      `${field}.counts[${wrong}]`,
      'counts start at 0 and ascend: each is above the one before',
    );
  const spread = new Float32Array((counts.at(-1) ?? 0) + 1);
  for (let place = 1; place < counts.length; place++) {
    const [from, to] = [counts[place - 1] ?? 0, counts[place] ?? 0];
    const [start, end] = [errors[place - 1] ?? 0, errors[place] ?? 0];
    for (let count = from; count <= to; count++) spread[count] = start + ((end - start) * (count - from)) / (to - from);
  }
  return spread;
}

/** Refuses tables that would fill the memory, before they are made. Throws INVALID_REQUEST. */
function requireFew(tables: readonly ErrorTableMessage[]): void {
  const values = tables.reduce((sum, { errors, counts }) => sum + Math.max(errors.length, (counts.at(-1) ?? 0) + 1), 0);
  if (values > MOST_VALUES)
    throw PrunecastError.ofField('error_tables', `have ${values} errors; at most ${MOST_VALUES} are taken`);
}
