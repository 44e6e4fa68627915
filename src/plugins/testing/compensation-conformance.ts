import { deepStrictEqual, ok } from 'node:assert/strict';
import type {
  Breathe,
  CompensatedHalfBlock,
  Compensation,
  HalfBlock,
  StreamMap,
} from '../../core/ports/compensation.js';
import { createRng, type Rng } from '../../core/random.js';
import { contextsOf } from '../../plugin-host/context/plugin-context.js';
import {
  completeOptions,
  listManifestChecks,
  requireAborted,
  requireFinite,
  selectChecks,
  type ConformanceCheck,
  type ConformanceSettings,
} from './conformance-check.js';
import { multiplyTransposed } from './multiply-transposed.js';

/**
 * The conformance kit for compensations, for any test runner:
 *
 * ```ts
 * describe('my-compensation', () => {
 *   for (const { name, run } of listCompensationChecks(myCompensation)) it(name, run);
 * });
 * ```
 *
 * Half-blocks are made up: inputs of some tokens, correlated with each other, and random weights.
 */
export function listCompensationChecks<Options>(
  compensation: Compensation<Options>,
  settings: ConformanceSettings = {},
): readonly ConformanceCheck[] {
  const { addsBias, leavesWeights, needs, preparingBytes, stream } = compensation;
  const makeContext = contextsOf(compensation, undefined);
  const options = (): Options => completeOptions(compensation.options, settings);
  const show = (inputs: Inputs, weights = drawWeights()): HalfBlock => describeHalf(needs, inputs, weights);
  const prepare = async (half: HalfBlock) => compensation.prepare(half, options(), makeContext());
  const compensateAll = async (
    half: HalfBlock,
    widths: readonly number[] = WIDTHS,
  ): Promise<CompensatedHalfBlock[]> => {
    const prepared = await prepare(half);
    const compensated: CompensatedHalfBlock[] = [];
    for (const width of widths) compensated.push(copy(await prepared.compensate(width)));
    return compensated;
  };
  const requireHalf = ({ weights, bias }: CompensatedHalfBlock, width: number): void => {
    ok(weights instanceof Float32Array, `the weights of ${width} rows must be a Float32Array`);
    deepStrictEqual(weights.length, width * HIDDEN, `${width} rows have ${width * HIDDEN} weights`);
    requireFinite(weights, `the weights of ${width} rows`);
    if (bias === undefined) return;
    ok(addsBias, 'a compensation that adds a bias has to say so: addsBias');
    ok(bias instanceof Float32Array, `the bias of ${width} rows must be a Float32Array`);
    deepStrictEqual(bias.length, HIDDEN, `a bias has ${HIDDEN} numbers`);
    requireFinite(bias, `the bias of ${width} rows`);
  };
  return selectChecks([
    ...listManifestChecks(compensation, settings),
    {
      name: 'gives finite weights for every width, none and all rows included, and a bias only if it says so',
      run: async () => {
        (await compensateAll(show(drawInputs()))).forEach((half, width) => requireHalf(half, width));
      },
    },
    {
      name: 'brings outputs closer to the unpruned ones than no compensation does, or leaves them as they are',
      run: async () => {
        const [inputs, weights] = [drawInputs(), drawWeights()];
        for (const [width, half] of (await compensateAll(show(inputs, weights))).entries()) {
          const error = measureError(inputs, weights, half);
          const without = measureError(inputs, weights, { weights: weights.slice(0, width * HIDDEN) });
          ok(
            error <= without + 1e-6 * measureError(inputs, weights, { weights: new Float32Array() }),
            `with ${width} of ${ROWS} rows the squared error is ${error}, and without compensation ${without}`,
          );
        }
      },
    },
    {
      name: 'leaves the outputs as they are if all rows stay',
      run: async () => {
        const [inputs, weights] = [drawInputs(), drawWeights()];
        const [whole = { weights }] = await compensateAll(show(inputs, weights), [ROWS]);
        const error = measureError(inputs, weights, whole);
        const all = measureError(inputs, weights, { weights: new Float32Array() });
        ok(
          error <= 1e-6 * all,
          `the squared error is ${error / all} of the squared outputs, though nothing was removed`,
        );
      },
    },
    {
      when: leavesWeights === true,
      name: 'leaves the kept weights as they are, as it says',
      run: async () => {
        const weights = drawWeights();
        for (const [width, half] of (await compensateAll(show(drawInputs(), weights))).entries())
          deepStrictEqual(half, { weights: weights.slice(0, width * HIDDEN) }, `${width} rows`);
      },
    },
    {
      name: 'gives the same for the same half-block, in whatever order widths are asked for',
      run: async () => {
        const expected = await compensateAll(show(drawInputs()));
        const backwards = await compensateAll(show(drawInputs()), WIDTHS.toReversed());
        deepStrictEqual(backwards.toReversed(), expected);
      },
    },
    {
      name: 'gives finite weights for inputs that are all 0, never vary, or of fewer tokens than rows',
      run: async () => {
        for (const inputs of [drawInputs().map(() => 0), drawInputs().map(() => 0.5), drawInputs(ROWS / 3)])
          (await compensateAll(show(inputs))).forEach((half, width) => requireHalf(half, width));
      },
    },
    {
      name: 'gives finite weights for weights that are all 0',
      run: async () => {
        const half = show(drawInputs(), drawWeights().fill(0));
        (await compensateAll(half)).forEach((compensated, width) => requireHalf(compensated, width));
      },
    },
    {
      name: "leaves the half-block's own weights and means as they were",
      run: async () => {
        const half = show(drawInputs());
        await compensateAll(half);
        deepStrictEqual(half.weights, drawWeights());
        if (half.mean !== undefined) deepStrictEqual(half.mean, show(drawInputs()).mean);
      },
    },
    {
      name: 'states finite errors, which are not negative and do not grow with the rows that stay, if it states any',
      run: async () => {
        const prepared = await prepare(show(drawInputs()));
        if (prepared.error === undefined) return;
        const errors = WIDTHS.map((width) => prepared.error?.(width) ?? Number.NaN);
        requireFinite(errors, 'the errors of all widths');
        errors.forEach((error, width) =>
          ok(
            error >= 0 && error <= (errors[width - 1] ?? Number.POSITIVE_INFINITY) * (1 + 1e-6),
            `the error of ${width} rows is ${error}, after ${errors[width - 1]}`,
          ),
        );
      },
    },
    {
      name: 'ends with the reason of a cancel that it hears of by breathe',
      run: async () => {
        await requireAborted((signal) => {
          const breathe: Breathe = async () => signal.throwIfAborted();
          return prepare({ ...show(drawInputs()), breathe });
        });
      },
    },
    {
      when: preparingBytes !== undefined,
      name: 'states the memory that preparing takes, which grows with the rows',
      run: async () => {
        const bytes = [1, 8, 64, 512].map((rows) => preparingBytes?.call(compensation, rows, 32) ?? Number.NaN);
        requireFinite(bytes, 'preparingBytes');
        ok(
          bytes.every((count, place) => count >= (bytes[place - 1] ?? 0)),
          `${bytes.join(', ')} bytes for 1, 8, 64 and 512 rows`,
        );
      },
    },
    {
      when: stream !== undefined,
      name: 'fits maps on the stream, with finite weights, the same for the same map',
      run: async () => {
        if (stream === undefined) return;
        ok(needs.includes('gram'), 'a fit on the stream needs gram');
        const asked = stream.ask(options());
        ok(stream.isAsked(asked), `options that ask() has changed must ask for it: ${stream.option}`);
        deepStrictEqual(completeOptions(compensation.options, { options: asked }), asked);
        for (const kind of ['output', 'input-change'] as const) {
          const fitted = await stream.fit(drawMap(kind), asked, makeContext());
          deepStrictEqual(fitted.length, ROWS * HIDDEN, `a map of ${ROWS} rows has ${ROWS * HIDDEN} weights`);
          requireFinite(fitted, `the weights of a map of kind ${kind}`);
          deepStrictEqual(await stream.fit(drawMap(kind), asked, makeContext()), fitted);
        }
      },
    },
  ]);
}

const ROWS = 12;
const HIDDEN = 8;
const TOKENS = 96;
const WIDTHS = Array.from({ length: ROWS + 1 }, (_, width) => width);

/** What goes into the half-block's output map, [tokens, rows], row-major. */
type Inputs = Float64Array;

/** Inputs with means of their own that share a few causes, so that some rows can make up for others. */
function drawInputs(tokens = TOKENS): Inputs {
  const rng = createRng(21);
  const causes = Array.from({ length: 4 }, () => drawCentred(rng, ROWS));
  const means = drawCentred(rng, ROWS);
  const inputs = new Float64Array(tokens * ROWS);
  for (let token = 0; token < tokens; token++) {
    const strengths = drawCentred(rng, causes.length);
    for (let row = 0; row < ROWS; row++)
      inputs[token * ROWS + row] = causes.reduce(
        (sum, cause, index) => sum + 2 * (strengths[index] ?? 0) * (cause[row] ?? 0),
        (means[row] ?? 0) + 0.2 * (rng.uniform() - 0.5),
      );
  }
  return inputs;
}

function drawWeights(): Float32Array {
  return Float32Array.from(drawCentred(createRng(22), ROWS * HIDDEN));
}

function drawCentred(rng: Rng, length: number): number[] {
  return Array.from({ length }, () => rng.uniform() - 0.5);
}

/** A half-block as an engine shows it: only the statistics that are needed. */
function describeHalf(needs: Compensation['needs'], inputs: Inputs, weights: Float32Array): HalfBlock {
  return {
    weights,
    rows: ROWS,
    hidden: HIDDEN,
    ...(needs.includes('mean') && { mean: meansOf(inputs) }),
    ...(needs.includes('gram') && { gram: productOf(inputs, inputs, ROWS) }),
    multiplyTransposed,
  };
}

function drawMap(kind: StreamMap['kind']): StreamMap {
  const inputs = drawInputs();
  const weights = drawWeights();
  return {
    kind,
    weights: kind === 'output' ? weights : weights.fill(0),
    rows: ROWS,
    columns: HIDDEN,
    gram: productOf(inputs, inputs, ROWS),
    product: productOf(inputs, outputsOf(inputs, drawWeights()), HIDDEN),
    multiplyTransposed,
  };
}

function meansOf(inputs: Inputs): Float64Array {
  const tokens = inputs.length / ROWS;
  return Float64Array.from({ length: ROWS }, (_, row) => {
    let sum = 0;
    for (let token = 0; token < tokens; token++) sum += inputs[token * ROWS + row] as number;
    return sum / tokens;
  });
}

/** X^T Y / tokens, [rows, columns]. */
function productOf(inputs: Inputs, others: Float64Array, columns: number): Float64Array {
  const tokens = inputs.length / ROWS;
  return Float64Array.from({ length: ROWS * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let token = 0; token < tokens; token++)
      sum += (inputs[token * ROWS + row] as number) * (others[token * columns + column] as number);
    return sum / tokens;
  });
}

/** X W + bias with the first rows of X, as many as W has; [tokens, hidden]. */
function outputsOf(inputs: Inputs, weights: Float32Array, bias?: Float32Array): Float64Array {
  const width = weights.length / HIDDEN;
  return Float64Array.from({ length: (inputs.length / ROWS) * HIDDEN }, (_, at) => {
    const [token, column] = [Math.floor(at / HIDDEN), at % HIDDEN];
    let sum = bias?.[column] ?? 0;
    for (let row = 0; row < width; row++)
      sum += (inputs[token * ROWS + row] as number) * (weights[row * HIDDEN + column] as number);
    return sum;
  });
}

/** The squared distance of the outputs from those of all rows. */
function measureError(inputs: Inputs, weights: Float32Array, half: CompensatedHalfBlock): number {
  const unpruned = outputsOf(inputs, weights);
  return outputsOf(inputs, half.weights, half.bias).reduce(
    (sum, value, at) => sum + (value - (unpruned[at] as number)) ** 2,
    0,
  );
}

/** The weights may be a view of others. */
function copy({ weights, bias }: CompensatedHalfBlock): CompensatedHalfBlock {
  return { weights: weights.slice(), ...(bias && { bias: bias.slice() }) };
}
