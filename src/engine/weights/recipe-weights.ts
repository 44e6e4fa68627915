import type { LayerArchitecture } from '../../core/model/shape.js';
import type { Ranking } from '../../core/model/units.js';
import type {
  Compensation,
  HalfBlock,
  CompensatedHalfBlock,
  PreparedCompensation,
  TransposedProduct,
} from '../../core/ports/compensation.js';
import type { Calibration } from '../calibration/calibration.js';
import type { GramStore } from '../calibration/gram-store.js';
import type { QuantisedMatrix } from '../quantisation/quantised-matrix.js';
import {
  loadAttention,
  loadFfn,
  loadLeftBias,
  orderQueryHeads,
  type AttentionWeights,
  type FfnWeights,
  type WeightSource,
} from './layer-weights.js';
import { type HalfStep, isDropped } from './half-step.js';
import { expandOrder } from './reorder-rows.js';
import type { WeightStore } from './weight-store.js';

/** A half-block as an architecture keeps it, ready to run: views of the sorted weights, nothing copied. */
export type ReadyHalf<Matrix = Float32Array> =
  | {
      readonly kind: 'attention';
      readonly weights: AttentionWeights<Matrix>;
      readonly queryHeads: number;
      readonly kvHeads: number /** undefined for none */;
      readonly slidingWindow: number | undefined;
    }
  | { readonly kind: 'ffn'; readonly weights: FfnWeights<Matrix>; readonly channels: number }
  /** A dropped half-block that leaves a constant behind. */
  | { readonly kind: 'bias'; readonly bias: Float32Array }
  | { readonly kind: 'nothing' };

/** How units are ranked and what compensates the kept ones. */
export interface WeightRecipe {
  /** Tells this recipe's weights from those of others in the store. */
  readonly key: string;
  readonly ranking: Ranking;
  readonly compensation?: CompensationRecipe;
}

export interface CompensationRecipe {
  readonly plugin: Compensation;
  readonly options: unknown;
  /** What the plug-in needs; undefined where it needs nothing. */
  readonly calibration?: Calibration;
}

/** Half-blocks to run, in whichever precision. */
export interface HalfBlocks {
  /** Whether a dropped half-block may leave something behind. */
  readonly keepsDropped: boolean;
  prepare(step: HalfStep): Promise<ReadyHalf | ReadyHalf<QuantisedMatrix>>;
}

/** A model's half-blocks under one recipe. */
export interface RecipeWeights extends HalfBlocks {
  prepare(step: HalfStep): Promise<ReadyHalf>;
  /** The sorted weights that a step's are a prefix of, under a name of their own in the store; undefined where the model does not have the half-block. */
  whole(step: HalfStep): Promise<WholeHalf | undefined>;
  /**
   * The calibration error of each width of a half-block's output map, from 0 rows kept to all; undefined where the
   * compensation knows none or the model does not have the half-block.
   */
  errors(layer: number, half: 'attention' | 'ffn'): Promise<((width: number) => number) | undefined>;
}

/** All of a half-block's weights in the order of a recipe. */
export type WholeHalf =
  | { readonly kind: 'attention'; readonly name: string; readonly weights: AttentionWeights }
  | { readonly kind: 'ffn'; readonly name: string; readonly weights: FfnWeights };

/** What compensations work with, beside the weights. */
export interface CompensationTools {
  readonly grams: GramStore;
  readonly multiplyTransposed: TransposedProduct;
}

/** Reads and sorts a layer on its first use; a compensated half-block is a copy for each width, all others are views. */
export function createRecipeWeights(
  source: WeightSource,
  store: WeightStore,
  { key, ranking, compensation }: WeightRecipe,
  tools?: CompensationTools,
): RecipeWeights {
  const { shape } = source.config;
  const { hidden, headDim } = shape;

  const rankingOf = (layer: number) => ranking[layer] ?? { kvGroups: [], queryHeads: [], ffnChannels: [] };
  const ownHeadsPerKv = (layer: number): number => shape.layers[layer]?.queryHeadsPerKv ?? 0;
  const isAbsent = (layer: number, half: 'attention' | 'ffn'): boolean => {
    const own = shape.layers[layer];
    return own === undefined || (half === 'attention' ? own.kvHeads === 0 : own.ffnChannels === 0);
  };

  /** A factorisation takes seconds and serves every width: it is stored among the weights, and counts as they do. */
  const factorise = (
    name: string,
    half: SortedHalf,
    { plugin, options }: CompensationRecipe,
  ): Promise<PreparedCompensation> =>
    store.get(`${name}:prepared`, async () => {
      if (tools === undefined) throw new RangeError('a compensation needs its tools');
      return plugin.prepare(await describeHalf(half, hidden, tools), options);
    });

  const compensate = async (
    name: string,
    half: SortedHalf,
    width: number,
  ): Promise<CompensatedHalfBlock | undefined> => {
    if (compensation === undefined) return undefined;
    if (width === half.weights.length / hidden) return { weights: half.weights };
    const known = store.find<CompensatedHalfBlock>(`${name}:${width}`);
    if (known !== undefined) return known;
    const compensated = await (await factorise(name, half, compensation)).compensate(width);
    // Views are free; only copies are worth keeping.
    return compensated.weights.buffer === half.weights.buffer
      ? compensated
      : store.get(`${name}:${width}`, async () => compensated);
  };

  const statisticsOf = (layer: number, half: 'attention' | 'ffn'): Pick<SortedHalf, 'mean' | 'gram'> => {
    const { layers, gramKey } = compensation?.calibration ?? {};
    return {
      mean: layers?.[layer]?.[half].mean,
      gram: async () => (gramKey === undefined ? undefined : tools?.grams.read(gramKey, { layer, half })),
    };
  };

  const sortAttention = async (
    layer: number,
    inGroup: number,
  ): Promise<{ name: string; all: AttentionWeights; half: SortedHalf }> => {
    const own = shape.layers[layer] as LayerArchitecture;
    const name = `${key}:attention:${layer}:${inGroup}`;
    const all = await store.get(name, () => loadAttention(source, layer, rankingOf(layer), inGroup));
    const order = (): number[] => expandOrder(orderQueryHeads(rankingOf(layer), own, inGroup), headDim);
    return { name, all, half: { weights: all.output, order, ...statisticsOf(layer, 'attention') } };
  };

  const sortFfn = async (layer: number): Promise<{ name: string; all: FfnWeights; half: SortedHalf }> => {
    const name = `${key}:ffn:${layer}`;
    const all = await store.get(name, () => loadFfn(source, layer, rankingOf(layer)));
    return {
      name,
      all,
      half: { weights: all.down, order: () => rankingOf(layer).ffnChannels, ...statisticsOf(layer, 'ffn') },
    };
  };

  /** What the checkpoint itself has dropped: it may have left a constant. */
  const prepareAbsent = async (layer: number, half: 'attention' | 'ffn'): Promise<ReadyHalf> => {
    if (shape.droppedBiases !== true || shape.layers[layer] === undefined) return { kind: 'nothing' };
    return {
      kind: 'bias',
      ...(await store.get(`left:${half}:${layer}`, async () => ({ bias: await loadLeftBias(source, layer, half) }))),
    };
  };

  const prepareAttention = async (layer: number, kvHeads: number, queryHeadsPerKv: number): Promise<ReadyHalf> => {
    const { name, all, half } = await sortAttention(
      layer,
      queryHeadsPerKv === 0 ? ownHeadsPerKv(layer) : queryHeadsPerKv,
    );
    const width = kvHeads * queryHeadsPerKv * headDim;
    const compensated = await compensate(name, half, width);
    if (kvHeads === 0) return leaveBias(compensated, all.outputBias);
    const weights = sliceAttention(all, { hidden, width, keyValueWidth: kvHeads * headDim });
    const slidingWindow = source.config.slidingWindows[layer];
    return {
      kind: 'attention',
      kvHeads,
      queryHeads: kvHeads * queryHeadsPerKv,
      slidingWindow,
      weights: {
        ...weights,
        ...applyCompensation(compensated, weights.output, weights.outputBias, 'output', 'outputBias'),
      },
    };
  };

  const prepareFfn = async (layer: number, channels: number): Promise<ReadyHalf> => {
    const { name, all, half } = await sortFfn(layer);
    const compensated = await compensate(name, half, channels);
    if (channels === 0) return leaveBias(compensated, all.downBias);
    const weights = sliceFfn(all, hidden, channels);
    return {
      kind: 'ffn',
      channels,
      weights: { ...weights, ...applyCompensation(compensated, weights.down, weights.downBias, 'down', 'downBias') },
    };
  };

  return {
    keepsDropped: compensation?.plugin.addsBias === true || shape.droppedBiases === true,
    prepare: (step) => {
      if (isAbsent(step.layer, step.half)) return prepareAbsent(step.layer, step.half);
      if (isDropped(step) && compensation?.plugin.addsBias !== true) return Promise.resolve({ kind: 'nothing' });
      return step.half === 'attention'
        ? prepareAttention(step.layer, step.kvHeads, step.queryHeadsPerKv)
        : prepareFfn(step.layer, step.ffnChannels);
    },
    whole: async (step) => {
      if (isAbsent(step.layer, step.half)) return undefined;
      if (step.half === 'ffn') {
        const { name, all } = await sortFfn(step.layer);
        return { kind: 'ffn', name, weights: all };
      }
      const { name, all } = await sortAttention(step.layer, step.queryHeadsPerKv);
      return { kind: 'attention', name, weights: all };
    },
    errors: async (layer, half) => {
      if (compensation === undefined || isAbsent(layer, half)) return undefined;
      const sorted = half === 'attention' ? await sortAttention(layer, ownHeadsPerKv(layer)) : await sortFfn(layer);
      const prepared = await factorise(sorted.name, sorted.half, compensation);
      return prepared.error?.bind(prepared);
    },
  };
}

function sliceAttention(
  all: AttentionWeights,
  { hidden, width, keyValueWidth }: { hidden: number; width: number; keyValueWidth: number },
): AttentionWeights {
  return {
    ...all,
    query: all.query.subarray(0, width * hidden),
    key: all.key.subarray(0, keyValueWidth * hidden),
    value: all.value.subarray(0, keyValueWidth * hidden),
    output: all.output.subarray(0, width * hidden),
    queryBias: all.queryBias?.subarray(0, width),
    keyBias: all.keyBias?.subarray(0, keyValueWidth),
    valueBias: all.valueBias?.subarray(0, keyValueWidth),
  };
}

function sliceFfn(all: FfnWeights, hidden: number, channels: number): FfnWeights {
  return {
    ...all,
    gate: all.gate.subarray(0, channels * hidden),
    up: all.up.subarray(0, channels * hidden),
    down: all.down.subarray(0, channels * hidden),
    gateBias: all.gateBias?.subarray(0, channels),
    upBias: all.upBias?.subarray(0, channels),
  };
}

/** The output map of a half-block, sorted, and the mean of its input in the model's own order. */
interface SortedHalf {
  readonly weights: Float32Array;
  readonly order: () => readonly number[];
  readonly mean: Float64Array | undefined;
  /** Of its inputs in the model's own order. */
  readonly gram: () => Promise<Float32Array | undefined>;
}

async function describeHalf(
  { weights, order, mean, gram: readGram }: SortedHalf,
  hidden: number,
  { multiplyTransposed }: CompensationTools,
): Promise<HalfBlock> {
  const gram = await readGram();
  return {
    weights,
    hidden,
    rows: weights.length / hidden,
    multiplyTransposed,
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

function applyCompensation<WeightKey extends string, BiasKey extends string>(
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

/** The half-block's mean output: what was removed, by the compensation, and its own bias. */
function leaveBias(compensated: CompensatedHalfBlock | undefined, ownBias: Float32Array | undefined): ReadyHalf {
  const bias = compensated?.bias === undefined ? undefined : addBiases(ownBias, compensated.bias);
  return bias === undefined ? { kind: 'nothing' } : { kind: 'bias', bias };
}

function addBiases(own: Float32Array | undefined, added: Float32Array | undefined): Float32Array | undefined {
  if (own === undefined || added === undefined) return own ?? added;
  return own.map((value, index) => value + (added[index] ?? 0));
}
