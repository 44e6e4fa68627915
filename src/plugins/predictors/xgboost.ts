import { createRequire } from 'node:module';
import { z } from 'zod';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countRows, type EncodingBatch, type PairTable } from '../../core/pairs.js';
import type { FittedPredictor } from '../../core/ports/predictor.js';
import { standardise } from '../../core/statistics/standardise.js';
import { definePredictor } from '../define.js';

const options = z.strictObject({
  trees: z.int().min(1).max(5_000).default(1_000).describe('Boosting rounds.'),
  depth: z
    .int()
    .min(1)
    .max(12)
    .default(1)
    .describe('Most splits from the root to a leaf; with 1 every tree looks at one dimension.'),
  learning_rate: z.number().gt(0).max(1).default(0.1).describe('Share of each tree that is added.'),
  subsample: z.number().gt(0).max(1).default(0.6).describe('Share of the pairs each tree sees.'),
  column_sample: z.number().gt(0).max(1).default(0.3).describe('Share of the dimensions each tree sees.'),
  min_child_weight: z
    .number()
    .min(0)
    .max(1_000)
    .default(5)
    .describe('Fewest pairs in a leaf; at most a quarter of the pairs that a tree sees.'),
  l2: z.number().min(0).max(1_000).default(1).describe('Penalty on the values of the leaves.'),
});
type Options = z.output<typeof options>;

/**
 * Gradient-boosted trees (XGBoost, arXiv 1603.02754), the paper's predictor, by ml-xgboost. Targets are standardised,
 * since the library starts from a fixed base score. Predictions hardly leave the range of the targets: trees do not
 * extrapolate.
 *
 * The library is an old WebAssembly build: it keeps pairs in a 16 MiB heap that never grows, knows only the objective
 * `reg:linear`, aborts on NaN, writes to stdout when it loads, and installs a process-wide `uncaughtException`
 * listener. It therefore belongs in a worker thread of its own. 200 pairs of 50 dimensions fit in 0.1 s; a prediction
 * takes 15 us.
 *
 * The defaults are for few pairs, many dimensions, and effects that nearly add up. On 200 simulated pairs of SmolLM2's
 * space stumps rank best (Kendall tau 0.78 to 0.79; depth 2: 0.73 to 0.76, depth 3: 0.68).
 */
export default definePredictor({
  id: 'xgboost',
  summary: 'Gradient-boosted trees, the predictor of the paper.',
  options,
  runsIn: 'worker',
  pairs: { least: 4, most: 10_000 },
  fit: async (pairs, chosen, seed) => {
    const { mean, scale, values } = standardise(pairs.targets);
    const booster = await train(pairs, [...values], chosen, seed);
    const { model, options: parameters } = booster.toJSON();
    return createFitted(
      { mean, scale, booster: Buffer.from(Int8Array.from(model).buffer).toString('base64'), parameters },
      booster,
    );
  },
  load: async (bytes) => {
    const saved = JSON.parse(new TextDecoder().decode(bytes)) as SavedModel;
    const model = Array.from(Buffer.from(saved.booster, 'base64'));
    // The library changes the options that it is given.
    return createFitted(
      saved,
      (await loadLibrary()).load({ name: 'ml-xgboost', model, options: { ...saved.parameters } }),
    );
  },
});

interface SavedModel {
  readonly mean: number;
  readonly scale: number;
  /** XGBoost's binary format, in base64. */
  readonly booster: string;
  /** The parameters it was trained with. */
  readonly parameters: LibraryModel['options'];
}

/** The library's own form; `model` holds the bytes as signed numbers. */
interface LibraryModel {
  readonly name: 'ml-xgboost';
  readonly model: readonly number[];
  readonly options: Readonly<Record<string, string | number>>;
}

interface Booster {
  train(rows: readonly (readonly number[])[], targets: readonly number[]): void;
  predict(rows: readonly (readonly number[])[]): number[];
  toJSON(): LibraryModel;
}

interface BoosterClass {
  new (parameters: Readonly<Record<string, string | number>>): Booster;
  load(saved: LibraryModel): Booster;
}

/** Of the 16 MiB heap: 1,080,000 rates (20,000 x 54) fit, 1,350,000 end in "memory access out of bounds". */
const MOST_CELLS = 1_000_000;

/** Rates that the library predicts at a time: they share the heap with the pairs. */
const ASKED_CELLS = 100_000;

async function loadLibrary(): Promise<BoosterClass> {
  // CommonJS without types; it exports a promise.
  return (await createRequire(import.meta.url)('ml-xgboost')) as BoosterClass;
}

async function train(pairs: PairTable, targets: readonly number[], chosen: Options, seed: number): Promise<Booster> {
  const columns = pairs.dimensions.length;
  if (targets.length * columns > MOST_CELLS) {
    throw new PrunecastError(
      'PAIRS_TOO_MANY',
      `xgboost takes at most ${MOST_CELLS} rates, got ${targets.length} pairs of ${columns} dimensions: give fewer pairs`,
      {
        metadata: { pairs: String(targets.length), most: String(Math.floor(MOST_CELLS / columns)) },
      },
    );
  }
  const Library = await loadLibrary();
  const booster = new Library({
    booster: 'gbtree',
    objective: 'reg:linear',
    base_score: 0,
    max_depth: chosen.depth,
    eta: chosen.learning_rate,
    min_child_weight: Math.min(chosen.min_child_weight, (chosen.subsample * targets.length) / 4),
    lambda: chosen.l2,
    subsample: chosen.subsample,
    colsample_bytree: chosen.column_sample,
    seed: seed % 0x7fffffff,
    silent: 1,
    iterations: chosen.trees,
  });
  booster.train(listRows({ rates: pairs.rates, columns }), targets);
  return booster;
}

function createFitted(saved: SavedModel, booster: Booster): FittedPredictor {
  return {
    predict: (batch) => {
      const rows = listRows(batch);
      const mean = new Float64Array(rows.length);
      const most = Math.max(1, Math.floor(ASKED_CELLS / Math.max(1, batch.columns)));
      for (let from = 0; from < rows.length; from += most) {
        booster
          .predict(rows.slice(from, from + most))
          .forEach((value, row) => (mean[from + row] = saved.mean + saved.scale * value));
      }
      return Promise.resolve({ mean });
    },
    save: () => new TextEncoder().encode(JSON.stringify(saved)),
  };
}

function listRows({ rates, columns }: EncodingBatch): number[][] {
  if (!rates.every(Number.isFinite))
    throw new PrunecastError(
      'PREDICTOR_FAILED',
      'xgboost was given a rate that is not a finite number: give rates in [0, 1]',
    );
  return Array.from({ length: countRows({ rates, columns }) }, (_, row) =>
    Array.from(rates.subarray(row * columns, (row + 1) * columns)),
  );
}
