import { countRows, type EncodingBatch, type PairTable } from '../pairs.js';

/**
 * The rates, then one column per recipe that is 1 in the rows of that recipe and 0 elsewhere (one-hot). With one recipe
 * or none the batch itself.
 *
 * @param known digests of the recipes, in the order of their columns
 * @param recipes the digest of each row
 */
export function addRecipes(batch: EncodingBatch, known: readonly string[], recipes: readonly string[]): EncodingBatch {
  if (known.length < 2) return batch;
  const columns = batch.columns + known.length;
  const rates = new Float32Array(countRows(batch) * columns);
  for (let row = 0; row < countRows(batch); row++) {
    rates.set(batch.rates.subarray(row * batch.columns, (row + 1) * batch.columns), row * columns);
    const place = known.indexOf(recipes[row] ?? '');
    if (place >= 0) rates[row * columns + batch.columns + place] = 1;
  }
  return { rates, columns };
}

/** A table of pairs with their recipes as further columns. */
export function addRecipeColumns<Table extends Pick<PairTable, 'dimensions' | 'rates'>>(
  pairs: Table,
  known: readonly string[],
  recipes: readonly string[],
): Table {
  if (known.length < 2) return pairs;
  const { rates } = addRecipes({ rates: pairs.rates, columns: pairs.dimensions.length }, known, recipes);
  return { ...pairs, rates, dimensions: nameColumns(pairs.dimensions, known) };
}

/** Names of the rates' columns, then those of the recipes if there are several: `recipe.<digest>`. */
export function nameColumns(dimensions: readonly string[], known: readonly string[]): readonly string[] {
  return known.length < 2 ? dimensions : [...dimensions, ...known.map((digest) => `recipe.${digest}`)];
}
