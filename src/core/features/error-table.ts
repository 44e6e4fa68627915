import { countRows, type EncodingBatch, type PairTable } from '../pairs.js';
import { keptCount } from '../space/count-rule.js';

/** The calibration error of each kept count of a dimension: stored with a predictor, looked up by rate. */
export interface ErrorTable {
  /** Name of the dimension. */
  readonly dimension: string;
  /**
   * Relative calibration errors by kept count, from none to all: the error divided by that of keeping nothing, summed
   * over tied layers.
   */
  readonly errors: Float32Array;
}

/**
 * The rates, then one column per table with the error at the kept count of the dimension's rate, then the sum of these.
 * Without tables the batch itself.
 *
 * @param dimensions names of the columns of the batch; each table is of one of them
 */
export function addErrors(
  batch: EncodingBatch,
  dimensions: readonly string[],
  tables: readonly ErrorTable[],
): EncodingBatch {
  if (tables.length === 0) return batch;
  const columns = batch.columns + tables.length + 1;
  const rates = new Float32Array(countRows(batch) * columns);
  const lookups = tables.map(({ dimension, errors }) => ({
    column: dimensions.indexOf(dimension),
    errors,
    size: errors.length - 1,
  }));
  for (let row = 0; row < countRows(batch); row++) {
    const from = row * batch.columns;
    const to = row * columns;
    rates.set(batch.rates.subarray(from, from + batch.columns), to);
    let sum = 0;
    lookups.forEach(({ column, errors, size }, place) => {
      const error = errors[keptCount(size, batch.rates[from + column] as number)] as number;
      rates[to + batch.columns + place] = error;
      sum += error;
    });
    rates[to + columns - 1] = sum;
  }
  return { rates, columns };
}

/** A table of pairs with the errors as further columns, named `errors.<dimension>` and `errors.sum`. */
export function addErrorColumns(pairs: PairTable, tables: readonly ErrorTable[]): PairTable {
  if (tables.length === 0) return pairs;
  const { rates } = addErrors({ rates: pairs.rates, columns: pairs.dimensions.length }, pairs.dimensions, tables);
  return {
    ...pairs,
    rates,
    dimensions: [...pairs.dimensions, ...tables.map(({ dimension }) => `errors.${dimension}`), 'errors.sum'],
  };
}
