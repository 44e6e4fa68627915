import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ErrorTable } from '../../core/features/error-table.js';
import type { PairTable } from '../../core/pairs.js';
import { createRng } from '../../core/random.js';
import type { RateRange } from '../../core/space/count-rule.js';
import { choosePredictor, type PredictorBackend, type PredictorChoice } from '../../search/fit/choose-predictor.js';
import { type FitQuality, measureQuality } from '../../search/fit/fit-quality.js';
import { judgeFit, judgeUnseen, type FitJudgement } from '../../search/fit/judge-fit.js';
import { predictOutOfFold } from '../../search/fit/predict-out-of-fold.js';
import { MOST_POINTS, traceLearning, type LearningPoint } from '../../search/fit/trace-learning.js';
import type { HostedPredictor, PredictorModule, PredictorWorkers } from './predictor-host.js';
import { fitWidened } from './widened-predictor.js';

/** What a fit depends on besides its pairs. */
export interface FitSettings {
  readonly tables: readonly ErrorTable[];
  readonly seed: number;
  /** The ranges of rates that effects are measured over. */
  readonly ranges: readonly RateRange[];
  /** Whether to trace the learning curve. */
  readonly learning: boolean;
  /** Rows of the pairs, ascending, that a backend fitted elsewhere has not seen. */
  readonly unseen: readonly number[];
}

/** A fit of one metric, with its quality. */
export interface MetricFit {
  /** Id of the backend that was fitted. */
  readonly backend: string;
  /** undefined if the request named the backend. */
  readonly choice: PredictorChoice | undefined;
  readonly judgement: FitJudgement;
  /** Over five folds; undefined with too few pairs for an interval, and for a backend that was fitted elsewhere. */
  readonly crossValidation: FitQuality | undefined;
  /**
   * Label minus prediction for pairs that the predictor was not fitted on, on the scale of the fit: out of fold, or
   * those that a backend fitted elsewhere has not seen. Empty with too few pairs for an interval.
   */
  readonly residuals: Float64Array;
  /** Empty if not requested. */
  readonly learning: readonly LearningPoint[];
  readonly saved: Uint8Array;
}

/** The backend to fit: the one that the request names, or the best of several. */
export type Backends =
  | { readonly kind: 'named'; readonly module: PredictorModule }
  | { readonly kind: 'chosen'; readonly folds: number; readonly modules: readonly PredictorModule[] };

/** Who follows a fit. */
export interface FitFollower {
  /** Called when one of the fits that it takes is over. */
  readonly fitted: () => void;
}

const FOLDS = 5;

/** With fewer, a 90 % interval cannot be guaranteed. */
const LEAST_RESIDUALS = 9;

/**
 * How many fits `fitMetric` takes at most: those of a choice, of the judgement, of the folds, of the learning curve, and
 * the one that is kept.
 */
export function countFits(
  backends: Backends,
  pairs: PairTable | undefined,
  { learning }: Pick<FitSettings, 'learning'>,
): number {
  if (backends.kind === 'named' && backends.module.learns === 'elsewhere') return 1;
  const ofChoice = backends.kind === 'named' ? 0 : backends.folds * backends.modules.length;
  const ofFolds = (pairs?.targets.length ?? 0) < LEAST_RESIDUALS ? 0 : FOLDS;
  return ofChoice + 2 + ofFolds + (learning ? MOST_POINTS : 0);
}

/**
 * Chooses the backend if the request names none, judges it on the 7:3 split, finds residuals on five folds, and fits
 * all pairs. A backend that was fitted elsewhere is judged only on pairs that it has not seen.
 *
 * @throws PrunecastError PREDICTOR_FAILED, PAIRS_TOO_FEW if every backend needs more, and those of plug-ins
 */
export async function fitMetric(
  pairs: PairTable,
  backends: Backends,
  { tables, seed, ranges, learning, unseen, fitted: tell }: FitSettings & FitFollower,
  workers: PredictorWorkers,
): Promise<MetricFit> {
  const { module, choice } =
    backends.kind === 'named'
      ? { module: backends.module, choice: undefined }
      : await chooseModule(pairs, backends, { tables, seed, fitted: tell }, workers);
  const fit = (table: PairTable): Promise<HostedPredictor> =>
    following(tell, fitWidened(module, table, tables, seed, workers));
  if (module.learns === 'elsewhere') {
    const fitted = await fit(pairs);
    const { residuals, ...judgement } = await judgeUnseen(pairs, unseen, fitted, {
      ranges,
      rng: createRng(seed).fork('judge'),
    });
    await fitted.close();
    return {
      backend: module.address.id,
      choice,
      judgement,
      crossValidation: undefined,
      residuals,
      learning: [],
      saved: fitted.save(),
    };
  }
  // All fits at once: the workers say how many run.
  const [judgement, outOfFold, curve, saved] = await Promise.all([
    judge(pairs, fit, seed, ranges),
    pairs.targets.length < LEAST_RESIDUALS
      ? undefined
      : predictOutOfFold(pairs, { fit, release, folds: FOLDS, rng: createRng(seed).fork('folds') }),
    learning
      ? traceLearning(pairs, { fit, release, least: module.pairs.least, rng: createRng(seed).fork('judge') })
      : [],
    fitAndSave(pairs, fit),
  ]);
  return {
    backend: module.address.id,
    choice,
    judgement,
    crossValidation:
      outOfFold &&
      measureQuality(pairs, outOfFold, {
        split: `${FOLDS}-fold`,
        fitted: pairs.targets.length - Math.ceil(pairs.targets.length / FOLDS),
      }),
    residuals:
      outOfFold === undefined
        ? new Float64Array(0)
        : pairs.targets.map((target, row) => target - (outOfFold[row] ?? Number.NaN)),
    learning: curve,
    saved,
  };
}

async function following<Fitted>(tell: () => void, fit: Promise<Fitted>): Promise<Fitted> {
  const fitted = await fit;
  tell();
  return fitted;
}

function release(fitted: HostedPredictor): void {
  void fitted.close();
}

async function fitAndSave(pairs: PairTable, fit: (table: PairTable) => Promise<HostedPredictor>): Promise<Uint8Array> {
  const fitted = await fit(pairs);
  await fitted.close();
  return fitted.save();
}

async function chooseModule(
  pairs: PairTable,
  { folds, modules }: Extract<Backends, { kind: 'chosen' }>,
  { tables, seed, fitted }: Pick<FitSettings, 'tables' | 'seed'> & FitFollower,
  workers: PredictorWorkers,
): Promise<{ readonly module: PredictorModule; readonly choice: PredictorChoice }> {
  const backends = modules.map(
    (module): PredictorBackend<HostedPredictor> => ({
      id: module.address.id,
      pairs: module.pairs,
      ...(module.learns === undefined ? {} : { learns: module.learns }),
      fit: (table) =>
        following(
          fitted,
          fitWidened(
            { ...module, options: { ...(module.options as object), ...module.quick } },
            table,
            tables,
            seed,
            workers,
          ),
        ),
      release,
    }),
  );
  const choice = await choosePredictor(pairs, backends, { folds, rng: createRng(seed).fork('choose') });
  const module = modules.find((candidate) => candidate.address.id === choice.chosen);
  if (module !== undefined) return { module, choice };
  const reasons = choice.scores.map((score) => `${score.id} ${score.tried ? '' : score.reason}`).join('; ');
  throw new PrunecastError(
    'PAIRS_TOO_FEW',
    `no predictor could be tried on ${pairs.targets.length} pairs: ${reasons}`,
    { metadata: { pairs: String(pairs.targets.length) } },
  );
}

/** The judgement; its own fit, on 7 of 10 pairs, is closed again. */
async function judge(
  pairs: PairTable,
  fit: (table: PairTable) => Promise<HostedPredictor>,
  seed: number,
  ranges: readonly RateRange[],
): Promise<FitJudgement> {
  const opened: HostedPredictor[] = [];
  try {
    return await judgeFit(pairs, {
      fit: async (table) => {
        const fitted = await fit(table);
        opened.push(fitted);
        return fitted;
      },
      ranges,
      rng: createRng(seed).fork('judge'),
    });
  } finally {
    await Promise.all(opened.map((fitted) => fitted.close()));
  }
}
