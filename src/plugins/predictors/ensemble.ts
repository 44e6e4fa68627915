import { z } from 'zod';
import type { PairTable } from '../../core/pairs.js';
import type { FittedPredictor, Prediction } from '../../core/ports/predictor.js';
import { createRng } from '../../core/random.js';
import { splitFolds } from '../../core/statistics/splits.js';
import { findUnit } from '../../core/statistics/standardise.js';
import { definePredictor } from '../define.js';
import { mixPredictions } from './ensemble/mix-predictions.js';
import { weighMembers } from './ensemble/weigh-members.js';
import gaussianProcess from './gaussian-process.js';
import ridge from './ridge.js';
import xgboost from './xgboost.js';

const options = z.strictObject({
  folds: z
    .int()
    .min(2)
    .max(20)
    .default(5)
    .describe('Parts of the pairs, each predicted from the others to weigh the members.'),
});

/**
 * The weighted mean of ridge, boosted trees and a Gaussian process, all with their defaults (stacked generalisation:
 * Wolpert, 1992, with weights that add up to 1: Breiman, "Stacked regressions", 1996). The weights minimise the squared
 * error of the out-of-fold predictions. The deviation is that of the mixture of the members.
 */
export default definePredictor({
  id: 'ensemble',
  summary: 'Weighted mean of ridge, boosted trees and a Gaussian process, weighted by out-of-fold error.',
  options,
  runsIn: 'worker',
  pairs: { least: 10, most: 1_000 },
  quick: { folds: 2 },
  fit: async ({ targets, ...table }, { folds }, seed) => {
    const unit = findUnit(targets);
    const pairs = { ...table, targets: targets.map((target) => target / unit) };
    const outOfFold = await predictOutOfFold(pairs, folds, seed);
    const weights = weighMembers(outOfFold, pairs.targets);
    const errors = outOfFold.map(
      (predicted) =>
        predicted.reduce((sum, value, row) => sum + (value - (pairs.targets[row] ?? value)) ** 2, 0) / predicted.length,
    );
    const members = await Promise.all(MEMBERS.map(({ fit }) => fit(pairs, seed)));
    return createFitted(members, { weights, errors, unit });
  },
  load: async (bytes) => {
    const { members, weights, errors, unit = 1 } = JSON.parse(new TextDecoder().decode(bytes)) as SavedModel;
    return createFitted(
      await Promise.all(MEMBERS.map(({ load }, index) => load(Buffer.from(members[index] ?? '', 'base64')))),
      { weights, errors, unit },
    );
  },
});

interface Member {
  readonly fit: (pairs: PairTable, seed: number) => Promise<FittedPredictor>;
  /** A quicker fit that judges the member nearly as well; the same as `fit` if that is quick. */
  readonly fitFold?: (pairs: PairTable, seed: number) => Promise<FittedPredictor>;
  readonly load: (bytes: Uint8Array) => Promise<FittedPredictor>;
}

const MEMBERS: readonly Member[] = [
  { fit: (pairs, seed) => ridge.fit(pairs, ridge.options.parse({}), seed), load: ridge.load },
  { fit: (pairs, seed) => xgboost.fit(pairs, xgboost.options.parse({}), seed), load: xgboost.load },
  {
    fit: (pairs, seed) => gaussianProcess.fit(pairs, gaussianProcess.options.parse({}), seed),
    fitFold: (pairs, seed) => gaussianProcess.fit(pairs, gaussianProcess.options.parse(gaussianProcess.quick), seed),
    load: gaussianProcess.load,
  },
];

/** In the order of `MEMBERS`. */
interface MemberTrust {
  /** Shares, together 1. */
  readonly weights: readonly number[];
  /** Mean squared out-of-fold errors: the variance of a member that gives none. */
  readonly errors: readonly number[];
  /** What the labels were divided by before the fit. @default 1 */
  readonly unit?: number;
}

interface SavedModel extends MemberTrust {
  /** The result of each member's `save`, in base64. */
  readonly members: readonly string[];
}

function createFitted(
  members: readonly FittedPredictor[],
  { weights, errors, unit = 1 }: MemberTrust,
): FittedPredictor {
  return {
    predict: async (batch) => {
      const { mean, deviation } = mixPredictions(await Promise.all(members.map((member) => member.predict(batch))), {
        weights,
        variances: errors,
      });
      return {
        mean: mean.map((value) => unit * value),
        ...(deviation === undefined ? {} : { deviation: deviation.map((value) => unit * value) }),
      };
    },
    save: () => {
      const saved: SavedModel = {
        weights,
        errors,
        unit,
        members: members.map((member) => Buffer.from(member.save()).toString('base64')),
      };
      return new TextEncoder().encode(JSON.stringify(saved));
    },
  };
}

/** For each member, the prediction of every pair by a fit on the other folds. */
async function predictOutOfFold(pairs: PairTable, folds: number, seed: number): Promise<Float64Array[]> {
  const columns = pairs.dimensions.length;
  const outOfFold = MEMBERS.map(() => new Float64Array(pairs.targets.length));
  for (const { fit: rows, holdOut } of splitFolds(pairs.targets.length, folds, createRng(seed))) {
    const [others, held] = [selectRows(pairs, rows), selectRows(pairs, holdOut)];
    for (const [index, member] of MEMBERS.entries()) {
      const fitted = await (member.fitFold ?? member.fit)(others, seed);
      const { mean }: Prediction = await fitted.predict({ rates: held.rates, columns });
      holdOut.forEach((row, place) => outOfFold[index]?.fill(mean[place] ?? Number.NaN, row, row + 1));
    }
  }
  return outOfFold;
}

function selectRows({ dimensions, rates, targets }: PairTable, rows: readonly number[]): PairTable {
  const columns = dimensions.length;
  const chosen = new Float32Array(rows.length * columns);
  rows.forEach((row, place) => chosen.set(rates.subarray(row * columns, (row + 1) * columns), place * columns));
  return { dimensions, rates: chosen, targets: Float64Array.from(rows, (row) => targets[row] ?? Number.NaN) };
}
