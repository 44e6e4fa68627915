import { z } from 'zod';
import { countRows, type EncodingBatch, type PairTable } from '../../core/pairs.js';
import type { FittedPredictor } from '../../core/ports/predictor.js';
import { standardise } from '../../core/statistics/standardise.js';
import { definePredictor } from '../define.js';

const options = z.strictObject({
  trees: z.int().min(1).max(1_000).default(100).describe('Trees in the forest.'),
  feature_share: z.number().gt(0).max(1).default(0.5).describe('Share of the dimensions that each tree sees.'),
  min_leaf: z.int().min(1).max(1_000).default(3).describe('A node with at most this many pairs is not split.'),
  depth: z.int().min(1).max(64).default(16).describe('Most splits from the root to a leaf.'),
});
type Options = z.output<typeof options>;

/**
 * Random forest (Breiman, 2001) by ml-random-forest: bagged regression trees, each on its own share of the dimensions.
 * The deviation is that of the trees. Predictions never leave the range of the targets.
 *
 * Fitting blocks its thread (about two seconds for 100 trees on 200 pairs of 50 dimensions) and grows with the square
 * of the pairs. Trees are evaluated here, so that a saved forest loads without the library.
 */
export default definePredictor({
  id: 'random-forest',
  summary: 'Bagged regression trees; robust, never leaves the range of its labels.',
  options,
  runsIn: 'worker',
  pairs: { least: 4, most: 2_000 },
  quick: { trees: 30 },
  fit: async (pairs, chosen, seed) => createFitted(await growForest(pairs, chosen, seed)),
  load: (bytes) => Promise.resolve(createFitted(JSON.parse(new TextDecoder().decode(bytes)) as Forest)),
});

interface Forest {
  readonly mean: number;
  readonly scale: number;
  readonly trees: readonly { readonly columns: readonly number[]; readonly root: Node }[];
}

/**
 * `[value]` for a leaf; `[column, threshold, below, from]` for a split: values below the threshold go to `below`,
 * others to `from`.
 */
type Node = readonly [value: number] | readonly [column: number, threshold: number, below: Node, from: Node];

/** A node as the library writes it. */
interface LibraryNode {
  readonly splitColumn?: number;
  readonly splitValue?: number;
  readonly left?: LibraryNode;
  readonly right?: LibraryNode;
  readonly distribution?: number;
}

async function growForest(
  pairs: PairTable,
  { trees, feature_share, min_leaf, depth }: Options,
  seed: number,
): Promise<Forest> {
  const { RandomForestRegression } = await import('ml-random-forest');
  const columns = pairs.dimensions.length;
  const { mean, scale, values } = standardise(pairs.targets);
  const forest = new RandomForestRegression({
    seed: seed % 0x7fffffff,
    nEstimators: trees,
    // An integer: the library would read the share 1 as one feature.
    maxFeatures: Math.max(1, Math.round(feature_share * columns)),
    replacement: false,
    useSampleBagging: true,
    noOOB: true,
    isClassifier: false,
    treeOptions: { minNumSamples: min_leaf, maxDepth: depth },
  });
  forest.train(listRows({ rates: pairs.rates, columns }), [...values]);
  const grown = JSON.parse(JSON.stringify(forest)) as {
    baseModel: { indexes: number[][]; estimators: { root: LibraryNode }[] };
  };
  return {
    mean,
    scale,
    trees: grown.baseModel.estimators.map(({ root }, index) => ({
      columns: grown.baseModel.indexes[index] ?? [],
      root: compact(root),
    })),
  };
}

function compact({ left, right, splitColumn = 0, splitValue = 0, distribution = 0 }: LibraryNode): Node {
  return left === undefined || right === undefined
    ? [distribution]
    : [splitColumn, splitValue, compact(left), compact(right)];
}

function createFitted(forest: Forest): FittedPredictor {
  return {
    predict: (batch) => {
      const rows = countRows(batch);
      const mean = new Float64Array(rows);
      const deviation = new Float64Array(rows);
      for (let row = 0; row < rows; row++) {
        let [sum, squares] = [0, 0];
        for (const { columns, root } of forest.trees) {
          const value = walk(root, columns, batch.rates, row * batch.columns);
          sum += value;
          squares += value * value;
        }
        const average = sum / forest.trees.length;
        mean[row] = forest.mean + forest.scale * average;
        deviation[row] = forest.scale * Math.sqrt(Math.max(0, squares / forest.trees.length - average * average));
      }
      return Promise.resolve({ mean, deviation });
    },
    save: () => new TextEncoder().encode(JSON.stringify(forest)),
  };
}

function walk(root: Node, columns: readonly number[], rates: Float32Array, offset: number): number {
  let node = root;
  while (node.length === 4) node = (rates[offset + (columns[node[0]] ?? 0)] as number) < node[1] ? node[2] : node[3];
  return node[0];
}

function listRows({ rates, columns }: EncodingBatch): number[][] {
  return Array.from({ length: countRows({ rates, columns }) }, (_, row) =>
    Array.from(rates.subarray(row * columns, (row + 1) * columns)),
  );
}
