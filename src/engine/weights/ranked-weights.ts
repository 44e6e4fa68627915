import type { LayerArchitecture } from '../../core/model/shape.js';
import type { CompensatedHalfBlock, PreparedCompensation } from '../../core/ports/compensation.js';
import {
  applyCompensation,
  describeHalf,
  leaveBias,
  type CompensationTools,
  type SortedHalf,
} from './compensated-half.js';
import { isDropped, type ReadyHalf, type RankedWeights } from './half-blocks.js';
import {
  expandOrder,
  loadAttention,
  loadFfn,
  loadLeftBias,
  orderQueryHeads,
  type AttentionWeights,
  type FfnWeights,
  type WeightSource,
} from './layer-weights.js';
import type { KeyedRecipe } from './recipe.js';
import type { WeightStore } from './weight-store.js';

/** Reads and sorts a layer on its first use. A compensated half-block is a copy per width, all others are views. */
export function createRankedWeights(
  source: WeightSource,
  store: WeightStore,
  { key, ranking, compensation }: KeyedRecipe,
  tools?: CompensationTools,
): RankedWeights {
  const { shape } = source.config;
  const { hidden, headDim } = shape;

  const rankingOf = (layer: number) => ranking[layer] ?? { kvGroups: [], queryHeads: [], ffnChannels: [] };
  const ownHeadsPerKv = (layer: number): number => shape.layers[layer]?.queryHeadsPerKv ?? 0;
  const isAbsent = (layer: number, half: 'attention' | 'ffn'): boolean => {
    const own = shape.layers[layer];
    return own === undefined || (half === 'attention' ? own.kvHeads === 0 : own.ffnChannels === 0);
  };

  /** A factorisation takes seconds and serves every width: it is stored among the weights and counts as they do. */
  const factorise = (
    name: string,
    half: SortedHalf,
    { plugin, options }: NonNullable<KeyedRecipe['compensation']>,
  ): Promise<PreparedCompensation> =>
    store.get(`${name}:prepared`, async () => {
      if (tools === undefined) throw new RangeError('a compensation needs its tools');
      const { signal } = tools;
      return plugin.prepare(await describeHalf(half, hidden, tools), options, signal && { signal });
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

  /** A half-block that the checkpoint itself has dropped; it may have left a constant. */
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
