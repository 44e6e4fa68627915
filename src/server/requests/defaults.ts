import type { PluginKind } from '../../core/ports/plugin.js';
import { Recipe } from '../../gen/prunecast/v1/common.js';
import type { RefinementOptions } from '../../search/fit/propose-refinement.js';
import type { PairPlan } from '../../search/study/plan.js';

/**
 * Every value that a request takes where it names none. Clients and the command line have none of their own. A study keeps
 * the values that it began with: changing one here changes new jobs only.
 */

/** The seed of every kind of job and recipe. */
export const DEFAULT_SEED = 0;

/** A page of a list. */
export const DEFAULT_PAGE_SIZE = 100;

/**
 * SmolLM2 at 20 % fewer parameters comes to a perplexity of 77.0 with this criterion and compensation, the demo model at a
 * quarter of its units to 10.6, dense 51.1 and 4.62: 77.1 and 11.0 with `wanda`, 89.7 and 14.5 without compensation.
 */
export const DEFAULT_PLUGINS = {
  criterion: 'fluctuation',
  compensation: 'least-squares',
  evaluator: 'perplexity',
  exporter: 'hf',
  /** Of a Search: chosen by how it ranks pairs that it has not seen. */
  predictor: 'auto',
  /** For one objective; `DEFAULT_FRONT_STRATEGY` for several. */
  strategy: 'evolutionary',
  /** Calibration errors are measured with it where a recipe's own compensation knows none. */
  errorCompensation: 'least-squares',
  /** What is fitted on the stream where the recipe's own compensation cannot be. */
  streamCompensation: 'least-squares',
} as const satisfies Record<PluginKind, string> & Record<string, string>;

/** Looks for a front of several objectives. */
export const DEFAULT_FRONT_STRATEGY = 'nsga2';

/** Of a FitPredictor. */
export const DEFAULT_FIT_PREDICTOR = 'xgboost';

/** The metric that FitPredictor fits. */
export const DEFAULT_FIT_METRIC = 'perplexity';

/** SmolLM2 at 20 % comes to 77.2 with 64 spread sequences of 128 tokens, to 71.3 with 320 (fluctuation, least squares). */
export const DEFAULT_CALIBRATION = { sequences: 320, sequenceTokens: 128, bos: false } as const;

/** How a text is cut into windows; the stride is the window. */
export const DEFAULT_WINDOWS = { window: 128, bos: false } as const;

/** Labels of pairs: 8,192 tokens each. The difference between two close architectures is lost in fewer. */
export const DEFAULT_PAIR_TOKENS = 8192n;

/** Bytes per number in a budget of KV-cache bytes. */
export const DEFAULT_KV_BYTES = 2;

/** Tokens before the one whose FLOPs or latency a budget limits. */
export const DEFAULT_CONTEXT_TOKENS = 0;

/** What may be pruned. The highest rate follows from the budgets in a Search. */
export const DEFAULT_SPACE = { kinds: ['kv_heads', 'ffn_channels'], minRate: 0 } as const;

/** The highest rate of a space where Prune, Evaluate and InspectModel name one. */
export const DEFAULT_MAX_RATE = 1;

/** Two criteria that look at activations are compared under the default compensation. */
export const DEFAULT_RECIPES: readonly Recipe[] = [DEFAULT_PLUGINS.criterion, 'wanda'].map((id) =>
  Recipe.fromPartial({ criterion: { id } }),
);

/**
 * Of the first sample seven tenths lie around the best level point, and a tenth each is tied, sparse and free; a quarter of
 * all pairs comes with the rounds, around the best so far.
 */
export const DEFAULT_PAIRS: PairPlan = {
  count: 120,
  tiedShare: 0.1,
  tieRun: 4,
  sparseShare: 0.1,
  nearShare: 0.7,
  levelPoints: true,
  band: 0.1,
  insideCount: 30,
};

/** The share of all pairs that is labelled inside the refined space. */
export const DEFAULT_INSIDE_SHARE = 1 / 4;

export const DEFAULT_ROUNDS = 3;
export const DEFAULT_CANDIDATES = 10_000;
/** Of all rounds together. */
export const DEFAULT_FINALISTS = 18;
/** Finalists that are compensated on their own stream if there is one objective; of several objectives all are. */
export const DEFAULT_STREAM_CANDIDATES = 3;

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

/** Parts of a study that gives one text for all: calibration and search share the first half. */
export const DEFAULT_TEXT_SHARES = {
  search: { from: 0, to: 0.5 },
  verify: { from: 0.5, to: 0.75 },
  report: { from: 0.75, to: 1 },
} as const;

/** With fewer calibration tokens per channel a fit on the stream overfits, and is not tried unless it is asked for. */
export const DEFAULT_STREAM_TOKENS = 20;
