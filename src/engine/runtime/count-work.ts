import { countContinuations } from '../../core/count-continuations.js';
import { measureCost } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { FurtherObservations, ObservationRequest, TimingRequest } from '../../core/ports/evaluator.js';
import { measureSequences } from '../../core/run-batches.js';
import type { StreamRefit } from '../../core/ports/compensation.js';
import { needsStatistics, type CalibrationNeed } from '../calibration/calibration.js';
import { listStreamFits } from '../compensation/list-stream-fits.js';

/** How much there is to compute, in floating-point operations. */
export interface Work {
  /** Matrix products, which ONNX Runtime runs in float32. */
  readonly products: number;
  /** Factorisations and solutions, which run in float64. */
  readonly factors: number;
}

export const NO_WORK: Work = { products: 0, factors: 0 };

export function addWork(...works: readonly Work[]): Work {
  return works.reduce(
    (sum, { products, factors }) => ({ products: sum.products + products, factors: sum.factors + factors }),
    NO_WORK,
  );
}

export function multiplyWork({ products, factors }: Work, times: number): Work {
  return { products: products * times, factors: factors * times };
}

/** Windows or sequences of tokens. */
export interface Tokens {
  readonly tokens: number;
  /** Of the longest window. */
  readonly window: number;
}

/** The losses of an architecture on windows. */
export function countLosses(shape: ModelShape, architecture: Architecture, { tokens, window }: Tokens): Work {
  return {
    products: tokens * measureCost(createCostModel(shape, { kind: 'flops_per_token', context: window }), architecture),
    factors: 0,
  };
}

/** Sizes of what is observed. */
export interface ObservationSizes extends Tokens {
  /** Tokens that run to continue sequences, after the first run over each. */
  readonly continued: number;
  readonly observe: FurtherObservations;
}

export function measureObservation({ sequences, ...observe }: ObservationRequest): ObservationSizes {
  const { tokens, longest } = measureSequences(sequences);
  const continued = observe.continuation === undefined ? 0 : countContinuations(sequences, observe.continuation);
  return { tokens, window: longest, continued, observe };
}

/**
 * All that is observed of one architecture, as if it were measured alone: the losses of its sequences; to
 * compare it with the dense model a pass of that one, and both heads; each further token of a continuation, for which its
 * sequence runs again; and the runs that are timed.
 */
export function countObservation(
  shape: ModelShape,
  architecture: Architecture,
  { tokens, window, continued, observe }: ObservationSizes,
): Work {
  const { divergences = false, timing } = observe;
  const head = 2 * shape.vocabulary * shape.hidden;
  const compared = divergences ? countPass(shape, shape.layers, { tokens, window }) + 2 * head * tokens : 0;
  const again = countPass(shape, architecture, { tokens: continued, window });
  const timed = (prompt: number): number =>
    countPass(shape, architecture, { tokens: prompt, window: prompt }) +
    countPass(shape, architecture, { tokens: 1, window: 2 * prompt }) +
    2 * head;
  const runs = timing === undefined ? 0 : (timing.repeats + timing.warmUp) * timed(timing.tokens);
  return addWork(countLosses(shape, architecture, { tokens, window }), {
    products: compared + again + runs,
    factors: 0,
  });
}

/**
 * Tokens that run for one architecture, as if it were measured alone: of its losses, of the dense model that it is compared
 * with, of continuations as long as they may be, and of the runs that are timed.
 */
export function countObservedTokens({ tokens, continued, observe }: ObservationSizes): number {
  return tokens + (observe.divergences === true ? tokens : 0) + continued + countTimedTokens(observe.timing);
}

/** Tokens of prompts and after them. */
export function countTimedTokens(
  { tokens, repeats, warmUp }: TimingRequest = { tokens: 0, repeats: 0, warmUp: 0 },
): number {
  return (repeats + warmUp) * (tokens + 1);
}

/**
 * The passes of the dense model over calibration sequences: one for statistics, of which only Gram matrices take long;
 * and one for gradients, which goes back too and takes three times as long.
 */
export function countCalibration(shape: ModelShape, text: Tokens, needs: readonly CalibrationNeed[]): Work {
  const pass = countPass(shape, shape.layers, text);
  const grams = needs.includes('gram') ? text.tokens * sumHalves(shape, shape.layers, (rows) => 2 * rows ** 2) : 0;
  const gradients = needs.includes('gradients') ? 3 * countLosses(shape, shape.layers, text).products : 0;
  return { products: (needsStatistics(needs) ? pass : 0) + grams + gradients, factors: 0 };
}

/** A pass through all layers, without the head. */
function countPass(shape: ModelShape, architecture: Architecture, text: Tokens): number {
  return countLosses(shape, architecture, text).products - 2 * shape.vocabulary * shape.hidden * text.tokens;
}

/** The factorisation of every half-block's Gram matrix, which serves all widths (`fitLeastSquares`). */
export function countFactorisations(shape: ModelShape): Work {
  return {
    products: sumHalves(shape, shape.layers, (rows) => 2 * rows ** 2 * shape.hidden),
    factors: sumHalves(shape, shape.layers, (rows) => (2 / 3) * rows ** 3),
  };
}

/**
 * The scores of all units by backward elimination (`eliminateUnits`): a factorisation, the inverse matrix, and what each
 * unit that goes changes in two matrices. Half-blocks with heads are gone through twice.
 */
export function countEliminations({ headDim, hidden, layers }: ModelShape): Work {
  const eliminate = (rows: number): number => (2 / 3 + 1 + 2) * rows ** 3 + 2 * rows ** 2 * hidden;
  return {
    products: 0,
    factors: layers.reduce(
      (sum, { kvHeads, queryHeadsPerKv, ffnChannels }) =>
        sum + 2 * eliminate(kvHeads * queryHeadsPerKv * headDim) + eliminate(ffnChannels),
      0,
    ),
  };
}

/** The compensated output maps of an architecture, from the factorisations. */
export function countCompensation(shape: ModelShape, architecture: Architecture): Work {
  return { products: sumHalves(shape, architecture, (rows) => 2 * rows ** 2 * shape.hidden), factors: 0 };
}

/**
 * The fit of architectures on their own streams (`compensateStreams`): the dense model runs once, and each architecture
 * twice through every half-block whose output map is fitted, with the sums of its inputs and of what its stream lacks,
 * and a solution. The maps into a half-block take the sums of the normalised streams, and a solution.
 */
export function countStreamFits(
  shape: ModelShape,
  architectures: readonly Architecture[],
  text: Tokens,
  refit: StreamRefit = 'pruned',
): Work {
  if (architectures.length === 0) return NO_WORK;
  const { hidden, headDim } = shape;
  return addWork(
    { products: countPass(shape, shape.layers, text), factors: 0 },
    ...architectures.flatMap((architecture) => [
      { products: 2 * countPass(shape, architecture, text), factors: 0 },
      ...listStreamFits(shape.layers, architecture, refit).map(({ layer, half, output, inputs }): Work => {
        const { kvHeads = 0, queryHeadsPerKv = 0, ffnChannels = 0 } = architecture[layer] ?? {};
        const rows = half === 'ffn' ? ffnChannels : kvHeads * queryHeadsPerKv * headDim;
        const columns = half === 'ffn' ? 2 * ffnChannels : rows + 2 * kvHeads * headDim;
        return addWork(
          output
            ? {
                products: text.tokens * (2 * rows ** 2 + 2 * rows * hidden),
                factors: rows ** 3 / 3 + 2 * rows ** 2 * hidden,
              }
            : NO_WORK,
          inputs
            ? {
                products: text.tokens * 4 * hidden ** 2 + 2 * hidden ** 2 * columns,
                factors: hidden ** 3 / 3 + 2 * hidden ** 2 * columns,
              }
            : NO_WORK,
        );
      }),
    ]),
  );
}

/**
 * A training on so many tokens (`runDistillationStep`): the unpruned model runs forward; the pruned one too, and once
 * more with the gradients, which take twice as long; and the head runs forward for both, and back for one.
 */
export function countTraining(shape: ModelShape, architecture: Architecture, text: Tokens): Work {
  const head = 2 * shape.vocabulary * shape.hidden * text.tokens;
  return {
    products: countPass(shape, shape.layers, text) + 4 * countPass(shape, architecture, text) + 3 * head,
    factors: 0,
  };
}

/** @param of the operations of a half-block whose output map has so many rows */
function sumHalves({ headDim }: ModelShape, architecture: Architecture, of: (rows: number) => number): number {
  return architecture.reduce(
    (sum, { kvHeads, queryHeadsPerKv, ffnChannels }) => sum + of(kvHeads * queryHeadsPerKv * headDim) + of(ffnChannels),
    0,
  );
}
