import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PairTable } from '../../core/pairs.js';
import type { FittedPredictor } from '../../core/ports/predictor.js';
import type { Rng } from '../../core/random.js';
import { measureQuality, type FitQuality } from './fit-quality.js';
import { predictOutOfFold } from './predict-out-of-fold.js';

/** A predictor that may be chosen. */
export interface PredictorBackend<Fitted extends FittedPredictor = FittedPredictor> {
  readonly id: string;
  /** The fewest and most pairs it takes. */
  readonly pairs: { readonly least: number; readonly most: number };
  /** `elsewhere` if it cannot be fitted here. @default 'here' */
  readonly learns?: 'here' | 'elsewhere';
  readonly fit: (pairs: PairTable) => Promise<Fitted>;
  /** Called with each fold's predictor after it has answered, to end its thread for example. */
  readonly release?: (fitted: Fitted) => void;
}

/**
 * How a backend did. It is not tried if the pairs of a fold are too few or all pairs too many for it, or if it was
 * fitted elsewhere; one that failed counts as not tried.
 */
export type BackendScore =
  | { readonly id: string; readonly tried: true; readonly quality: FitQuality }
  | { readonly id: string; readonly tried: false; readonly reason: string };

export interface PredictorChoice {
  /** The id of the best; undefined if none could be tried. */
  readonly chosen: string | undefined;
  /** Of every backend, in the order given. */
  readonly scores: readonly BackendScore[];
}

export interface ChooseOptions {
  /** @default 5 */
  readonly folds?: number;
  /** All backends are judged on the same folds. */
  readonly rng: Rng;
}

/**
 * `auto`: the backend whose out-of-fold predictions have the highest Kendall tau with the labels, over one k-fold split
 * for all. If taus are equal or NaN (constant labels), the one with the least RMSE, then the first. All are tried at
 * once, each in its own thread if it has one. Throws what a fit throws, unless that is a failure of the backend itself.
 */
export async function choosePredictor<Fitted extends FittedPredictor>(
  pairs: PairTable,
  backends: readonly PredictorBackend<Fitted>[],
  { folds = 5, rng }: ChooseOptions,
): Promise<PredictorChoice> {
  const scores = await Promise.all(backends.map((backend) => scoreBackend(pairs, backend, { folds, rng })));
  const tried = scores.filter((score) => score.tried);
  const [best] = tried.toSorted(
    (a, b) => rankable(b.quality.kendallTau) - rankable(a.quality.kendallTau) || a.quality.rmse - b.quality.rmse,
  );
  return { chosen: best?.id, scores };
}

async function scoreBackend<Fitted extends FittedPredictor>(
  pairs: PairTable,
  { id, pairs: { least, most }, learns, fit, release }: PredictorBackend<Fitted>,
  { folds, rng }: Required<ChooseOptions>,
): Promise<BackendScore> {
  // No fold can be kept from it: it would win because it may have seen the labels.
  if (learns === 'elsewhere')
    return { id, tried: false, reason: 'was fitted elsewhere, maybe on these pairs: name it in place of a choice' };
  const count = pairs.targets.length;
  const parts = Math.min(folds, count);
  const fitted = count - Math.ceil(count / Math.max(1, parts));
  if (fitted < least)
    return {
      id,
      tried: false,
      reason: `takes at least ${least} pairs, and ${parts} folds of ${count} leave ${fitted}`,
    };
  if (count > most) return { id, tried: false, reason: `takes at most ${most} pairs, not ${count}` };
  try {
    const outOfFold = await predictOutOfFold(pairs, {
      fit,
      ...(release === undefined ? {} : { release }),
      folds: parts,
      rng: rng.fork('folds'),
    });
    return { id, tried: true, quality: measureQuality(pairs, outOfFold, { split: `${parts}-fold`, fitted }) };
  } catch (error) {
    if (error instanceof PrunecastError && OWN_FAILURES.some((reason) => error.reason === reason))
      return { id, tried: false, reason: error.message };
    throw error;
  }
}

/** Failures of one backend. Anything else, above all a cancel, ends the choice. */
const OWN_FAILURES = [
  'PREDICTOR_FAILED',
  'PLUGIN_FAILED',
  'PLUGIN_INVALID',
  'PAIRS_TOO_FEW',
  'PAIRS_TOO_MANY',
  'INVALID_OPTIONS', // a plug-in that refuses its own defaults
] as const;

/** A tau in which NaN comes below everything. */
function rankable(tau: number): number {
  return Number.isNaN(tau) ? -2 : tau;
}
