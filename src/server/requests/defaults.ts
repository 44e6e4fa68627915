import type { PluginKind } from '../../core/ports/plugin.js';
import { Recipe } from '../../gen/prunecast/v1/common.js';
import type { RefinementOptions } from '../../search/fit/propose-refinement.js';
import type { CompensationPlan, PairPlan } from '../../search/study/plan.js';
import type { ControlRow } from './codes.js';

/**
 * The default of every value that a request may omit. Clients and the command line have no defaults of their own. A
 * study keeps the values that it began with: a change here affects new jobs only.
 */

/** The seed of every kind of job and recipe. */
export const DEFAULT_SEED = 0;

/** The size of a page of a list. */
export const DEFAULT_PAGE_SIZE = 100;

/**
 * Perplexity of SmolLM2 with 20 % fewer parameters, at the best uniform shape: 70.4 with this criterion and
 * compensation, 71.5 with `obs`, 88.9 without compensation, 51.1 dense. The demo model at 20 %: 11.9, 11.7, 18.4, and
 * 6.83 dense. `obs` gains where half of the channels go; its time
 * grows with the cube of the channels.
 */
export const DEFAULT_PLUGINS = {
  criterion: 'fluctuation',
  compensation: 'least-squares',
  evaluator: 'perplexity',
  exporter: 'hf',
  recovery: 'none',
  /** Of a Search: the backend that ranks unseen pairs best. */
  predictor: 'auto',
  /** For one objective; `DEFAULT_FRONT_STRATEGY` for several. */
  strategy: 'evolutionary',
  /** Measures calibration errors if the recipe's own compensation does not report them. */
  errorCompensation: 'least-squares',
  /** Fitted on the stream if the recipe's own compensation cannot be. */
  streamCompensation: 'least-squares',
} as const satisfies Record<PluginKind, string> & Record<string, string>;

/** Searches for a front of several objectives. */
export const DEFAULT_FRONT_STRATEGY = 'nsga2';

/** Of a FitPredictor. */
export const DEFAULT_FIT_PREDICTOR = 'xgboost';

/** The metric that FitPredictor fits. */
export const DEFAULT_FIT_METRIC = 'perplexity';

/**
 * SmolLM2 at 20 % has a perplexity of 77.2 with 64 spread sequences of 128 tokens, and of 71.3 with 320 (fluctuation,
 * least squares).
 */
export const DEFAULT_CALIBRATION = { sequences: 320, sequenceTokens: 128, bos: false } as const;

/** Sequences that a recovery trains on and holds out, or as many as its text has. */
export const DEFAULT_RECOVERY_SEQUENCES = 2_048;

/** How a text is cut into windows; the stride is the window. */
export const DEFAULT_WINDOWS = { window: 128, bos: false } as const;

/** Bytes per number in a budget of KV-cache bytes. */
export const DEFAULT_KV_BYTES = 2;

/** The position of the token whose FLOPs or latency a budget limits: the number of tokens before it. */
export const DEFAULT_CONTEXT_TOKENS = 0;

/** What may be pruned. In a Search the highest rate follows from the budgets. */
export const DEFAULT_SPACE = { kinds: ['kv_heads', 'ffn_channels'], minRate: 0 } as const;

/** The highest rate of a space of Prune, Evaluate and InspectModel. */
export const DEFAULT_MAX_RATE = 1;

/** Two criteria that look at activations, compared under the default compensation. */
export const DEFAULT_RECIPES: readonly Recipe[] = [DEFAULT_PLUGINS.criterion, 'wanda'].map((id) =>
  Recipe.fromPartial({ criterion: { id } }),
);

/**
 * Of the first sample, seven tenths lie around the best level point, and one tenth each is tied, sparse and free. A
 * quarter of all pairs is added in the rounds, around the best so far.
 */
export const DEFAULT_PAIRS: PairPlan = {
  count: 96,
  tiedShare: 0.1,
  tieRun: 4,
  sparseShare: 0.1,
  nearShare: 0.7,
  levelPoints: true,
  band: 0.1,
  insideCount: 24,
};

/** The share of all pairs that is labelled in the refined space. */
export const DEFAULT_INSIDE_SHARE = 1 / 4;

/** What a Search does if its request does not say, by its effort. */
export interface EffortDefaults {
  /** All pairs. */
  readonly pairs: number;
  /** Of each label of a pair. With few, the difference between two close architectures is lost. */
  readonly pairTokens: bigint;
  readonly rounds: number;
  /** Predicted, per round. */
  readonly candidates: number;
  /** Really evaluated, in all rounds together. */
  readonly finalists: number;
  /** Of each evaluation of a finalist or a control: all on the first, the better half of each on the next. */
  readonly verifyTokens: readonly bigint[];
  /** Of each reported evaluation. */
  readonly reportTokens: bigint;
  /** Those that are compared first. */
  readonly recipes: readonly Recipe[];
  readonly compensation: CompensationPlan['mode'];
  /** Finalists that are compensated on their own stream if there is one objective; of several objectives all are. */
  readonly streamCandidates: number;
  readonly controls: readonly ControlRow[];
}

/**
 * Of SmolLM2 at 20 % the winner beats `uniform-best` by 2.3 %, `calibration-error` by 5.7 and `global-threshold` by
 * 22.7 %. What these two allocate is labelled as pairs and becomes a finalist if it is good, so that as controls they
 * would say little for the time of a fit on the stream and two evaluations each. `random` costs as much as the search,
 * and the paper's recipe a pass for gradients: both are for benchmarks.
 */
const USUAL_CONTROLS: readonly ControlRow[] = ['uniform-paper', 'uniform-best'];

/**
 * `quick` leaves out what takes longest: a second recipe, and passes over the calibration text for single
 * architectures.
 */
export const EFFORTS = {
  quick: {
    pairs: 48,
    pairTokens: 4096n,
    rounds: 2,
    candidates: 5000,
    finalists: 8,
    verifyTokens: [8192n],
    reportTokens: 16_384n,
    recipes: DEFAULT_RECIPES.slice(0, 1),
    compensation: 'one-shot',
    streamCandidates: 1,
    controls: USUAL_CONTROLS,
  },
  default: {
    pairs: DEFAULT_PAIRS.count,
    pairTokens: 5120n,
    rounds: 3,
    candidates: 10_000,
    finalists: 18,
    verifyTokens: [4096n, 16_384n],
    reportTokens: 24_576n,
    recipes: DEFAULT_RECIPES,
    compensation: 'better',
    streamCandidates: 2,
    controls: USUAL_CONTROLS,
  },
  thorough: {
    pairs: 200,
    pairTokens: 12_288n,
    rounds: 4,
    candidates: 20_000,
    finalists: 28,
    verifyTokens: [8192n, 32_768n],
    reportTokens: 65_536n,
    recipes: DEFAULT_RECIPES,
    compensation: 'better',
    streamCandidates: 5,
    controls: [...USUAL_CONTROLS, 'global-threshold', 'calibration-error'],
  },
} as const satisfies Record<string, EffortDefaults>;

/** The paper's procedure in numbers. */
export const DEFAULT_REFINEMENT: RefinementOptions = {
  importantShare: 1 / 3,
  keptShare: 1 / 2,
  unimportantShare: 1 / 3,
  wideRange: { minRate: 0.2, maxRate: 0.7 },
  flatQuantile: 0.5,
};

/** Points per effect curve of ExplainPredictor. */
export const DEFAULT_CURVE_POINTS = 11;

/** Answers of QueryStudy. */
export const DEFAULT_ANSWERS = 1;

/** Candidates that QueryStudy predicts for an answer: a tenth of a study's, since a caller waits for it. */
export const DEFAULT_QUERY_CANDIDATES = 1000;

/** The recipe of arXiv 2309.09507, which prunes as LLM-Pruner does. */
export const PAPER_RECIPE = Recipe.fromPartial({
  criterion: { id: 'taylor', options: { order: 'first' } },
  compensation: { id: 'none' },
});

/** Parts of a study that gives one text for all: calibration and search share the first half. */
export const DEFAULT_TEXT_SHARES = {
  search: { from: 0, to: 0.5 },
  verify: { from: 0.5, to: 0.75 },
  report: { from: 0.75, to: 1 },
} as const;

/** With fewer calibration tokens per channel a fit on the stream overfits, and is not tried unless it is asked for. */
export const DEFAULT_STREAM_TOKENS = 20;
