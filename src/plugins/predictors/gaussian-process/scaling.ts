import { countRows, type EncodingBatch } from '../../../core/pairs.js';

/** Mean and standard deviation of each column, of the rates and of the squares of the standardised rates. */
export interface Scaling {
  readonly means: readonly number[];
  readonly scales: readonly number[];
  readonly squareMeans: readonly number[];
  readonly squareScales: readonly number[];
}

/**
 * The scaling that gives each column of a batch, and of its squares, mean 0 and deviation 1; a constant one becomes 0.
 */
export function createScaling(batch: EncodingBatch): Scaling {
  const columns = Array.from({ length: batch.columns }, (_, column) =>
    Array.from({ length: countRows(batch) }, (_row, row) => batch.rates[row * batch.columns + column] as number),
  );
  const rates = columns.map(summarise);
  const squares = columns.map((values, column) => {
    const { mean, scale } = rates[column] as Summary;
    return summarise(values.map((value) => ((value - mean) / scale) ** 2));
  });
  return {
    means: rates.map(({ mean }) => mean),
    scales: rates.map(({ scale }) => scale),
    squareMeans: squares.map(({ mean }) => mean),
    squareScales: squares.map(({ scale }) => scale),
  };
}

/** One row of 2 * columns per row of the batch: the standardised rates, then their standardised squares. */
export function scaleRows(
  { rates, columns }: EncodingBatch,
  { means, scales, squareMeans, squareScales }: Scaling,
): Float64Array[] {
  return Array.from({ length: countRows({ rates, columns }) }, (_, row) => {
    const scaled = new Float64Array(2 * columns);
    for (let column = 0; column < columns; column++) {
      const value =
        ((rates[row * columns + column] as number) - (means[column] as number)) / (scales[column] as number);
      scaled[column] = value;
      scaled[columns + column] = (value * value - (squareMeans[column] as number)) / (squareScales[column] as number);
    }
    return scaled;
  });
}

interface Summary {
  readonly mean: number;
  readonly scale: number;
}

function summarise(values: readonly number[]): Summary {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const scale = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  // Rounding leaves a tiny deviation in a constant column.
  return { mean, scale: scale > 1e-9 ? scale : 1 };
}
