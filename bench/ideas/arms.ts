import { measureCounts } from '../../src/core/budget/cost-model.js';
import { createCostModel } from '../../src/core/budget/cost-spec.js';
import type { PairTable } from '../../src/core/pairs.js';
import { rateDistance, type SearchSpace } from '../../src/core/space/search-space.js';
import gaussianProcess from '../../src/plugins/predictors/gaussian-process.js';
import { fitWeightedRidge, type Predict } from './weighted-ridge.js';

/** A way to search that is compared with another one. */
export interface Arm {
  readonly predictor: 'ridge' | 'gaussian-process';
  /** @default 'evolutionary' */
  readonly strategy?: 'evolutionary' | 'bayesian';
  /** Which pairs count more in a fit: those near the best one, or those near the budget. @default all the same */
  readonly near?: Nearness;
  /** How many deviations are added to a predicted mean. @default 0 */
  readonly caution?: number;
  /** Deviations times the errors of earlier proposals in deviations. @default false */
  readonly scaled?: boolean;
  /** What it is compared with; undefined for one that others are compared with. */
  readonly against?: string;
}

export interface Nearness {
  readonly to: 'best' | 'budget';
  /** The distance at which a pair counts exp(-1) times: in mean rate, or as a share of what the budget removes. */
  readonly width: number;
}

export const ARMS: Readonly<Record<string, Arm>> = {
  ridge: { predictor: 'ridge' },
  'near-best-0.05': { predictor: 'ridge', near: { to: 'best', width: 0.05 }, against: 'ridge' },
  'near-best-0.15': { predictor: 'ridge', near: { to: 'best', width: 0.15 }, against: 'ridge' },
  'near-budget-0.03': { predictor: 'ridge', near: { to: 'budget', width: 0.03 }, against: 'ridge' },
  'ridge-caution-0.5': { predictor: 'ridge', caution: 0.5, against: 'ridge' },
  'ridge-caution-1': { predictor: 'ridge', caution: 1, against: 'ridge' },
  'ridge-caution-2': { predictor: 'ridge', caution: 2, against: 'ridge' },
  'ridge-scaled-1': { predictor: 'ridge', caution: 1, scaled: true, against: 'ridge' },
  gp: { predictor: 'gaussian-process' },
  'gp-caution-0.5': { predictor: 'gaussian-process', caution: 0.5, against: 'gp' },
  'gp-caution-1': { predictor: 'gaussian-process', caution: 1, against: 'gp' },
  'gp-caution-2': { predictor: 'gaussian-process', caution: 2, against: 'gp' },
  'gp-scaled-1': { predictor: 'gaussian-process', caution: 1, scaled: true, against: 'gp' },
  bayesian: { predictor: 'gaussian-process', strategy: 'bayesian' },
  'bayesian-scaled': { predictor: 'gaussian-process', strategy: 'bayesian', scaled: true, against: 'bayesian' },
};

/** What the nearness of pairs is measured from. */
export interface Reference {
  readonly space: SearchSpace;
  /** Rates of the best pair so far. */
  readonly best: Float32Array;
  /** Parameters that the budget allows. */
  readonly limit: number;
}

/** Fits the predictor of an arm; pairs may have further columns behind their rates. */
export async function fitArm({ predictor, near }: Arm, pairs: PairTable, reference: Reference): Promise<Predict> {
  if (predictor === 'ridge') return fitWeightedRidge(pairs, weigh(near, pairs, reference));
  const fitted = await gaussianProcess.fit(pairs, gaussianProcess.options.parse({}), 0);
  return (batch) => fitted.predict(batch);
}

function weigh(
  near: Nearness | undefined,
  { rates, dimensions, targets }: PairTable,
  { space, best, limit }: Reference,
): Float64Array {
  if (near === undefined) return new Float64Array(targets.length).fill(1);
  const cost = createCostModel(space.shape, { kind: 'parameters' });
  const dense = measureCounts(
    cost,
    space,
    space.dimensions.map(({ size }) => size),
  );
  const distances = Float64Array.from(targets, (_, row) => {
    const own = rates.subarray(row * dimensions.length, row * dimensions.length + space.dimensions.length);
    if (near.to === 'best') return rateDistance(own, best);
    const counts = space.dimensions.map(({ size }, index) => Math.round(size * (1 - (own[index] ?? 0))));
    return Math.abs(measureCounts(cost, space, counts) - limit) / (dense - limit);
  });
  return distances.map((distance) => Math.exp(-distance / near.width));
}
