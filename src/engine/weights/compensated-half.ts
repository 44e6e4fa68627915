import type { Breathe, CompensatedHalfBlock, HalfBlock, TransposedProduct } from '../../core/ports/compensation.js';
import type { GramStore } from '../calibration/gram-store.js';
import type { ReadyHalf } from './half-blocks.js';

/** What compensations use beside the weights. */
export interface CompensationTools {
  readonly grams: GramStore;
  readonly multiplyTransposed: TransposedProduct;
  /** Lets a cancel of the call through while a fit goes on. */
  readonly breathe?: Breathe;
  /** Of the call. */
  readonly signal?: AbortSignal;
}

/** The output map of a half-block, its rows sorted, with the statistics of its inputs. */
export interface SortedHalf {
  readonly weights: Float32Array;
  readonly order: () => readonly number[];
  readonly mean: Float64Array | undefined;
  /** The Gram matrix of its inputs, units in the model's own order. */
  readonly gram: () => Promise<Float32Array | undefined>;
}

export async function describeHalf(
  { weights, order, mean, gram: readGram }: SortedHalf,
  hidden: number,
  { multiplyTransposed, breathe }: CompensationTools,
): Promise<HalfBlock> {
  const gram = await readGram();
  return {
    weights,
    hidden,
    rows: weights.length / hidden,
    multiplyTransposed,
    ...(breathe === undefined ? {} : { breathe }),
    ...(mean === undefined ? {} : { mean: Float64Array.from(order(), (unit) => mean[unit] as number) }),
    ...(gram === undefined ? {} : { gram: sortGram(gram, order()) }),
  };
}

/** A Gram matrix with its rows and columns in another order, in float64. */
function sortGram(gram: Float32Array, order: readonly number[]): Float64Array {
  const size = order.length;
  const sorted = new Float64Array(size * size);
  order.forEach((row, i) => {
    for (let j = 0; j < size; j++) sorted[i * size + j] = gram[row * size + (order[j] as number)] as number;
  });
  return sorted;
}

export function applyCompensation<WeightKey extends string, BiasKey extends string>(
  compensated: CompensatedHalfBlock | undefined,
  own: Float32Array,
  ownBias: Float32Array | undefined,
  weightKey: WeightKey,
  biasKey: BiasKey,
): Record<WeightKey, Float32Array> & Record<BiasKey, Float32Array | undefined> {
  const bias = addBiases(ownBias, compensated?.bias);
  return { [weightKey]: compensated?.weights ?? own, [biasKey]: bias } as Record<WeightKey, Float32Array> &
    Record<BiasKey, Float32Array | undefined>;
}

/** The mean output of a dropped half-block: what the compensation says was removed, and its own bias. */
export function leaveBias(compensated: CompensatedHalfBlock | undefined, ownBias: Float32Array | undefined): ReadyHalf {
  const bias = compensated?.bias === undefined ? undefined : addBiases(ownBias, compensated.bias);
  return bias === undefined ? { kind: 'nothing' } : { kind: 'bias', bias };
}

function addBiases(own: Float32Array | undefined, added: Float32Array | undefined): Float32Array | undefined {
  if (own === undefined || added === undefined) return own ?? added;
  return own.map((value, index) => value + (added[index] ?? 0));
}
