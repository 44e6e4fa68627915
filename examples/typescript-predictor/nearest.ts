import { definePredictor, z, type FittedPredictor } from 'prunecast/plugin';

/** What `save` stores, as JSON. */
interface Model {
  readonly neighbours: number;
  /** Of each pair its architecture, a pruning rate for each dimension. */
  readonly rates: readonly (readonly number[])[];
  /** Of each pair its label. */
  readonly targets: readonly number[];
}

/** The mean label of the nearest pairs, the nearer the heavier. */
export default definePredictor({
  id: 'nearest',
  summary: 'The mean of the nearest pairs.',
  options: z.strictObject({
    neighbours: z.int().min(1).max(100).default(5).describe('Pairs that a prediction is the mean of.'),
  }),
  runsIn: 'worker',
  pairs: { least: 2, most: 10_000 },
  fit: async ({ dimensions, rates, targets }, { neighbours }) =>
    open({ neighbours, rates: splitRows(rates, dimensions.length), targets: [...targets] }),
  load: async (bytes) => open(JSON.parse(new TextDecoder().decode(bytes)) as Model),
});

function open(model: Model): FittedPredictor {
  return {
    predict: async ({ rates, columns }) => ({
      mean: Float64Array.from(splitRows(rates, columns), (asked) => predictRow(model, asked)),
    }),
    save: () => new TextEncoder().encode(JSON.stringify(model)),
  };
}

function predictRow({ neighbours, rates, targets }: Model, asked: readonly number[]): number {
  const nearest = targets
    .map((target, pair) => ({ target, weight: 1 / (squareDistance(rates[pair] ?? [], asked) + 1e-6) }))
    .sort((a, b) => b.weight - a.weight)
    .slice(0, neighbours);
  const weight = nearest.reduce((sum, pair) => sum + pair.weight, 0);
  return nearest.reduce((sum, pair) => sum + pair.weight * pair.target, 0) / weight;
}

function squareDistance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, column) => sum + (value - (b[column] ?? 0)) ** 2, 0);
}

/** The rows of a table that is stored row by row. */
function splitRows(table: Float32Array, columns: number): number[][] {
  return Array.from({ length: table.length / columns }, (_, row) => [
    ...table.subarray(row * columns, (row + 1) * columns),
  ]);
}
