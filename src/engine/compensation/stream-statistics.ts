import type { StreamMap, TransposedProduct } from '../../core/ports/compensation.js';
import type { BlockRunner } from '../forward/block-runner.js';
import { transposeColumns } from '../weights/layer-weights.js';
import { INPUT_PARTS, type KeptHalf, type MapPart, outputOf, readMap } from '../weights/map-parts.js';
import { type MapInputs, type ModelStreams, sizeOf } from './model-streams.js';

export interface StatisticsContext {
  readonly hidden: number;
  readonly rmsNormEpsilon: number;
  readonly runner: BlockRunner;
  readonly multiplyTransposed: TransposedProduct;
  readonly streams: ModelStreams;
  /** Which stream is the pruned model's; the dense one's is 0. */
  readonly pruned: number;
  readonly signal: AbortSignal;
}

/**
 * The Gram matrix of the inputs of a half-block's output map in a pruned model, and their product with what its stream
 * lacks; and the inputs of as many batches as memory has room for. The dense model is through the half-block, the
 * pruned one is not.
 */
export async function gatherOutputStatistics(
  { hidden, runner, multiplyTransposed, streams, pruned, signal }: StatisticsContext,
  half: KeptHalf,
): Promise<{ readonly map: StreamMap; readonly inputs: MapInputs }> {
  const { weights, bias } = outputOf(half);
  const rows = weights.length / hidden;
  const gram = new Float64Array(rows * rows);
  const product = new Float64Array(rows * hidden);
  const { tokens } = streams;
  const kept = new Map<number, Float32Array>();
  let { spareBytes } = streams;
  for (const [index, batch] of streams.batches.entries()) {
    signal.throwIfAborted();
    await streams.withBatch(index, [0, pruned], async ([target, before]) => {
      const inner = before.length / hidden;
      const inputs = new Float32Array(inner * rows);
      const lacking = new Float32Array(before.length);
      await runner.runHalf(half, sizeOf(batch), before, undefined, inputs);
      subtract(target, before, bias, lacking);
      addShare(gram, await multiplyTransposed(inputs, inputs, { inner, rows, columns: rows }), 1 / tokens);
      addShare(product, await multiplyTransposed(inputs, lacking, { inner, rows, columns: hidden }), 1 / tokens);
      spareBytes -= inputs.byteLength;
      if (spareBytes >= 0) kept.set(index, inputs);
    });
  }
  return { map: { kind: 'output', weights, rows, columns: hidden, gram, product, multiplyTransposed }, inputs: kept };
}

/**
 * The statistics of a change D of the maps W into a half-block that would give the pruned model the dense one's
 * products: X' (W + D) = X W, so X' D = (X - X') W, X' and X being the normalised states before the half-block, times
 * the weight of the norm. All maps into it share their inputs: they are side by side, [hidden, columns]. Small as it
 * is, the difference is summed by itself: that of two large sums would lose its digits. Both models stand before the
 * half-block.
 */
export async function gatherInputStatistics(
  { hidden, rmsNormEpsilon, multiplyTransposed, streams, pruned, signal }: StatisticsContext,
  half: KeptHalf,
): Promise<StreamMap> {
  const { norm } = half.weights;
  const square = { rows: hidden, columns: hidden };
  const gram = new Float64Array(hidden * hidden);
  const gaps = new Float64Array(hidden * hidden); // (X - X')^T X' / tokens
  for (const index of streams.batches.keys()) {
    signal.throwIfAborted();
    await streams.withBatch(index, [0, pruned], async ([dense, own]) => {
      const inner = own.length / hidden;
      const inputs = normalise(own, norm, rmsNormEpsilon);
      const gap = normalise(dense, norm, rmsNormEpsilon);
      subtract(gap, inputs, undefined, gap);
      addShare(gram, await multiplyTransposed(inputs, inputs, { inner, ...square }), 1 / streams.tokens);
      addShare(gaps, await multiplyTransposed(gap, inputs, { inner, ...square }), 1 / streams.tokens);
    });
  }
  const weights = besides(half, hidden);
  const columns = weights.length / hidden;
  const product = await multiplyTransposed(gaps, Float64Array.from(weights), { inner: hidden, rows: hidden, columns });
  return {
    kind: 'input-change',
    weights: new Float32Array(weights.length),
    rows: hidden,
    columns,
    gram,
    product,
    multiplyTransposed,
  };
}

/** The maps into a half-block with a change added that is [hidden, columns], all maps side by side. */
export function changeInputs(
  half: KeptHalf,
  change: Float32Array,
  hidden: number,
): Partial<Record<MapPart, Float32Array>> {
  const columns = change.length / hidden;
  const rows = transposeColumns(
    change,
    columns,
    Array.from({ length: columns }, (_, column) => column),
  );
  let from = 0;
  return Object.fromEntries(
    INPUT_PARTS[half.kind].map((part) => {
      const own = readMap(half, part);
      const map = Float32Array.from(own, (value, at) => value + (rows[from + at] as number));
      from += own.length;
      return [part, map];
    }),
  );
}

/** The maps into a half-block side by side: [hidden, columns]. */
function besides(half: KeptHalf, hidden: number): Float32Array {
  const maps = INPUT_PARTS[half.kind].map((part) => readMap(half, part));
  const rows = new Float32Array(maps.reduce((sum, { length }) => sum + length, 0));
  let from = 0;
  for (const map of maps) {
    rows.set(map, from);
    from += map.length;
  }
  return transposeColumns(
    rows,
    hidden,
    Array.from({ length: hidden }, (_, column) => column),
  );
}

/** RMSNorm: each row of [tokens, hidden] divided by the root of its mean square, times the weight. */
function normalise(states: Float32Array, weight: Float32Array, epsilon: number): Float32Array {
  const { length: hidden } = weight;
  const normalised = new Float32Array(states.length);
  for (let start = 0; start < states.length; start += hidden) {
    let sum = 0;
    for (let at = 0; at < hidden; at++) sum += (states[start + at] as number) ** 2;
    const scale = 1 / Math.sqrt(sum / hidden + epsilon);
    for (let at = 0; at < hidden; at++)
      normalised[start + at] = (states[start + at] as number) * scale * (weight[at] as number);
  }
  return normalised;
}

/** a - b - bias, where a and b are [tokens, bias.length]. */
function subtract(a: Float32Array, b: Float32Array, bias: Float32Array | undefined, to: Float32Array): void {
  if (bias === undefined) {
    for (let at = 0; at < to.length; at++) to[at] = (a[at] as number) - (b[at] as number);
    return;
  }
  for (let start = 0; start < to.length; start += bias.length)
    for (let at = 0; at < bias.length; at++)
      to[start + at] = (a[start + at] as number) - (b[start + at] as number) - (bias[at] as number);
}

function addShare(sum: Float64Array, values: Float32Array, share: number): void {
  for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] as number) + share * (values[at] as number);
}
