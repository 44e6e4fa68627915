import type { PairTable } from '../../src/core/pairs.js';
import { createRng } from '../../src/core/random.js';
import { regretAtK } from '../../src/core/statistics/prediction-error.js';
import { kendallTau } from '../../src/core/statistics/rank-correlation.js';
import gaussianProcess from '../../src/plugins/predictors/gaussian-process.js';
import ridge from '../../src/plugins/predictors/ridge.js';

/** What was measured of one architecture. */
export interface LabelledArchitecture {
  /** 1 for each question that is answered rightly, else 0. */
  readonly correct: readonly number[];
  /** Of each question the log-likelihood of the right choice minus that of the best wrong one. */
  readonly margins: readonly number[];
  /** Summed loss of each window. */
  readonly losses: readonly number[];
}

export interface Labelled {
  /** Names of the columns of `rates`: pruning rates and calibration errors. */
  readonly dimensions: readonly string[];
  /** [architectures, dimensions], row-major. */
  readonly rates: Float32Array;
  readonly architectures: readonly LabelledArchitecture[];
  /** Tokens of a question with all of its choices, on average. */
  readonly tokensOfQuestion: number;
  /** Scored tokens of a window. */
  readonly scoredOfWindow: number;
}

/** What a predictor may be fitted on in order to rank architectures by accuracy; higher is better for each. */
const LABELS = {
  accuracy: (own, { questions }) => mean(questions.map((question) => own.correct[question] ?? Number.NaN)),
  /** log((right + 1/2) / (wrong + 1/2)): the empirical logit, which all and none answered rightly have too. */
  'accuracy, logit': (own, { questions }) => {
    const right = sum(questions.map((question) => own.correct[question] ?? Number.NaN));
    return Math.log((right + 0.5) / (questions.length - right + 0.5));
  },
  margin: (own, { questions }) => mean(questions.map((question) => own.margins[question] ?? Number.NaN)),
  /** On windows with as many tokens as the questions have. */
  'log perplexity': (own, { windows }) => -sum(windows.map((window) => own.losses[window] ?? Number.NaN)),
} as const satisfies Record<
  string,
  (
    own: LabelledArchitecture,
    measured: { readonly questions: readonly number[]; readonly windows: readonly number[] },
  ) => number
>;

export type LabelName = keyof typeof LABELS;

const PREDICTORS = { ridge, 'gaussian-process': gaussianProcess };

/** One fit: on one label by one predictor in one split. */
export interface Outcome {
  readonly questions: number;
  readonly label: LabelName;
  readonly predictor: keyof typeof PREDICTORS;
  readonly seed: number;
  /** Of the predictions with the accuracy of the held-out architectures on the other questions. */
  readonly tau: number;
  /** The best held-out accuracy minus that of the architecture with the best prediction. */
  readonly regret: number;
}

/**
 * In each split, predictors are fitted on some architectures measured by some questions, and judged on the other
 * architectures by their accuracy on questions that no fit has seen.
 *
 * @param fitted architectures of a fit
 * @param counts numbers of questions of a label; as many as the largest are never part of the truth
 */
export async function compareLabels(
  labelled: Labelled,
  { fitted, counts, seeds }: { readonly fitted: number; readonly counts: readonly number[]; readonly seeds: number },
): Promise<Outcome[]> {
  const { architectures } = labelled;
  const [questions, windows] = [architectures[0]?.correct.length ?? 0, architectures[0]?.losses.length ?? 0];
  const outcomes: Outcome[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const rng = createRng(seed);
    const rows = rng.shuffle([...architectures.keys()]);
    const order = rng.shuffle([...Array(questions).keys()]);
    const windowOrder = rng.shuffle([...Array(windows).keys()]);
    const heldOut = rows.slice(fitted);
    const unseen = order.slice(Math.max(...counts));
    const truth = heldOut.map((row) => mean(unseen.map((question) => architectures[row]?.correct[question] ?? 0)));
    for (const count of counts) {
      const tokens = count * labelled.tokensOfQuestion;
      const measured = {
        questions: order.slice(0, count),
        windows: windowOrder.slice(0, Math.ceil(tokens / labelled.scoredOfWindow)),
      };
      for (const label of Object.keys(LABELS) as LabelName[]) {
        const table: PairTable = {
          ...selectRows(labelled, rows.slice(0, fitted)),
          targets: Float64Array.from(rows.slice(0, fitted), (row) =>
            LABELS[label](architectures[row] as LabelledArchitecture, measured),
          ),
        };
        const held = selectRows(labelled, heldOut);
        for (const predictor of Object.keys(PREDICTORS) as (keyof typeof PREDICTORS)[]) {
          const predicted = await fit(predictor, table, held.rates);
          outcomes.push({
            questions: count,
            label,
            predictor,
            seed,
            // A fit that predicts the same for all ranks nothing.
            tau: kendallTau(predicted, truth) || 0,
            regret: regretAtK(
              truth.map((value) => -value),
              predicted.map((value) => -value),
              1,
            ),
          });
        }
      }
    }
  }
  return outcomes;
}

async function fit(id: keyof typeof PREDICTORS, table: PairTable, rates: Float32Array): Promise<Float64Array> {
  const batch = { rates, columns: table.dimensions.length };
  const fitted =
    id === 'ridge'
      ? await ridge.fit(table, ridge.options.parse({}), 0)
      : await gaussianProcess.fit(table, gaussianProcess.options.parse({}), 0);
  return (await fitted.predict(batch)).mean;
}

function selectRows({ dimensions, rates }: Labelled, rows: readonly number[]): Pick<PairTable, 'dimensions' | 'rates'> {
  const columns = dimensions.length;
  const selected = new Float32Array(rows.length * columns);
  rows.forEach((row, place) => selected.set(rates.subarray(row * columns, (row + 1) * columns), place * columns));
  return { dimensions, rates: selected };
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
