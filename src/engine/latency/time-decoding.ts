import {
  completeTable,
  PICOSECONDS,
  raiseTimes,
  type LatencyTable,
  type TimedCount,
} from '../../core/budget/latency-table.js';
import { countAttentionParameters, countFfnParameters } from '../../core/model/parameters.js';
import type { Architecture, LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { BlockRunner } from '../forward/block-runner.js';
import { listSteps, type HalfStep, type RankedWeights } from '../weights/half-blocks.js';
import type { HeadReader } from '../weights/head-reader.js';
import type { DecodeRunner, KeyValueCache } from './decode-runner.js';

export interface LatencyContext {
  readonly shape: ModelShape;
  readonly runner: Pick<BlockRunner, 'computeLogits' | 'runHalf'>;
  readonly decoder: DecodeRunner;
  readonly head: () => Promise<HeadReader>;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/**
 * Rounds over everything that is timed, after a first one that is not. The fastest counts: anything slower is due to
 * other work on the machine.
 */
const ROUNDS = 7;
/**
 * Weights and caches of several layers are used in turn, as in a real run, where none is still in the processor's
 * cache.
 */
const MOST_BYTES = 256 * 2 ** 20;
/** With more attention graphs than this, one may be compiled again between two runs. */
const KEPT_GRAPHS = 8;
/** How many counts of a kind are timed between none and all. */
const STEPS = 8;

/**
 * How long one token takes in half-blocks of a grid of shapes, with `length` tokens before it: the fastest of several
 * rounds over the layers. Takes a few seconds for a model of a hundred million parameters.
 *
 * @param weights in any ranking and without compensation: only sizes matter
 */
export async function timeShapes(
  context: LatencyContext,
  weights: RankedWeights,
  length: number,
  { signal, report }: WorkContext,
): Promise<LatencyTable> {
  const { shape } = context;
  const most = (read: (layer: LayerArchitecture) => number): number =>
    shape.layers.reduce((largest, layer) => Math.max(largest, read(layer)), 0);
  const caches = createCaches(shape, length);
  const points: { readonly steps: readonly HalfStep[]; readonly times: number[] }[] = [];
  /** The times of a shape, to be filled in; from layers with that many units, as many as are used in turn. */
  const add = (
    has: (own: LayerArchitecture) => boolean,
    bytes: number,
    step: (layer: number) => HalfStep,
  ): number[] => {
    const steps = shape.layers
      .flatMap((own, layer) => (has(own) ? [step(layer)] : []))
      .slice(0, Math.max(1, Math.floor(MOST_BYTES / bytes)));
    const times: number[] = [];
    if (steps.length > 0) points.push({ steps, times });
    return times;
  };
  const attention = listGrid(most((own) => own.queryHeadsPerKv)).map((queryHeadsPerKv) => ({
    queryHeadsPerKv,
    times: listGrid(most((own) => own.kvHeads)).map((kvHeads) => ({
      count: kvHeads,
      times: add(
        (own) => own.kvHeads >= kvHeads && own.queryHeadsPerKv >= queryHeadsPerKv,
        4 * countAttentionParameters(shape, kvHeads, queryHeadsPerKv),
        (layer) => ({ half: 'attention', layer, kvHeads, queryHeadsPerKv }),
      ),
    })),
  }));
  const ffn = listGrid(most((own) => own.ffnChannels)).map((ffnChannels) => ({
    count: ffnChannels,
    times: add(
      (own) => own.ffnChannels >= ffnChannels,
      4 * countFfnParameters(shape, ffnChannels),
      (layer) => ({ half: 'ffn', layer, ffnChannels }),
    ),
  }));
  const headTimes: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [place, { steps, times }] of points.entries()) {
      let total = 0;
      // Its graph may have to be compiled again; that must not count.
      await timeStep(context, weights, steps[0] as HalfStep, caches, length);
      for (const step of steps) {
        signal.throwIfAborted();
        total += await timeStep(context, weights, step, caches, length);
      }
      if (round > 0) times.push(total / steps.length);
      report?.({
        what: 'timings',
        done: round * points.length + place + 1,
        total: (ROUNDS + 1) * points.length,
      });
    }
    const taken = await timeHead(context);
    if (round > 0) headTimes.push(taken);
  }
  return completeTable(
    {
      context: length,
      fixed: toPicoseconds(headTimes),
      attention: raiseHeads(
        attention
          .map(({ queryHeadsPerKv, times }) => ({ queryHeadsPerKv, times: settle(times) }))
          .filter(({ times }) => times.length > 0),
      ),
      ffn: settle(ffn),
    },
    shape.layers,
  );
}

/**
 * How long one token really takes in an architecture, in milliseconds, with `length` tokens before it: the fastest of
 * several whole runs.
 */
export async function timeArchitecture(
  context: LatencyContext,
  weights: RankedWeights,
  architecture: Architecture,
  length: number,
  { signal, report }: WorkContext,
): Promise<number> {
  const decode = createDecoding(context, weights, architecture, length);
  const runs: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const taken = await decode(signal, (share) =>
      report?.({
        what: 'layers',
        done: (round + share) * architecture.length,
        total: (ROUNDS + 1) * architecture.length,
      }),
    );
    if (round > 0) runs.push(taken);
  }
  return Math.min(...runs);
}

/**
 * A run of an architecture for one token with `length` tokens before it, up to its logits, which gives its
 * milliseconds. Half-blocks run one by one, each on the same states. `tell` is told the share of the run that is over:
 * the first one reads the weights.
 */
export function createDecoding(
  context: LatencyContext,
  weights: RankedWeights,
  architecture: Architecture,
  length: number,
): (signal: AbortSignal, tell?: (share: number) => void) => Promise<number> {
  const caches = createCaches(context.shape, length);
  const isCompiledAgain = compilesAgain(architecture);
  const steps = listSteps(architecture);
  return async (signal, tell) => {
    let total = await timeHead(context);
    for (const [place, step] of steps.entries()) {
      signal.throwIfAborted();
      if (isCompiledAgain && step.half === 'attention') await timeStep(context, weights, step, caches, length);
      total += await timeStep(context, weights, step, caches, length);
      tell?.((place + 1) / steps.length);
    }
    return total;
  };
}

/** Whether an architecture has more attention graphs than are kept: its graph may have to be compiled before a run. */
export function compilesAgain(architecture: Architecture): boolean {
  const graphs = new Set(architecture.map(({ kvHeads, queryHeadsPerKv }) => `${kvHeads}/${queryHeadsPerKv}`));
  return graphs.size > KEPT_GRAPHS;
}

async function timeStep(
  { shape, decoder, now }: LatencyContext,
  weights: RankedWeights,
  step: HalfStep,
  caches: readonly KeyValueCache[],
  length: number,
): Promise<number> {
  const half = await weights.prepare(step);
  if (half.kind === 'nothing') return 0;
  const cache = caches[step.layer % caches.length] as KeyValueCache;
  const [input, output] = [new Float32Array(shape.hidden).fill(0.1), new Float32Array(shape.hidden)];
  const from = now();
  await decoder.runHalf(half, cache, length, input, output);
  return now() - from;
}

/** Milliseconds of the head for one token. */
export async function timeHead({ shape, runner, head, now }: LatencyContext): Promise<number> {
  const { norm, parts } = await head();
  const row = new Float32Array(shape.hidden).fill(0.1);
  let total = 0;
  for (const part of parts) {
    const [weights, logits] = [{ norm, head: await part.read() }, new Float32Array(part.tokens)];
    const from = now();
    await runner.computeLogits(weights, row, logits);
    total += now() - from;
  }
  return total;
}

/**
 * One cache per layer, as many as fit. They are filled, because pages that were never written all map to the same
 * memory.
 */
function createCaches({ layers, headDim }: ModelShape, length: number): KeyValueCache[] {
  const size = headDim * length * layers.reduce((most, { kvHeads }) => Math.max(most, kvHeads), 0);
  const count = Math.max(1, Math.min(layers.length, Math.floor(MOST_BYTES / (8 * size + 1))));
  return Array.from({ length: count }, () => ({
    keys: new Float32Array(size).fill(0.1),
    values: new Float32Array(size).fill(0.1),
  }));
}

/** 1 and equal steps up to all of them; each count once. */
function listGrid(most: number): number[] {
  const counts = Array.from({ length: STEPS }, (_, step) => Math.max(1, Math.round((most * (step + 1)) / STEPS)));
  return most === 0 ? [] : [...new Set([1, ...counts])];
}

/** The fastest time of each timed count, made monotonic: more units are never faster. */
function settle(timed: readonly { readonly count: number; readonly times: readonly number[] }[]): TimedCount[] {
  return raiseTimes(
    timed
      .filter(({ times }) => times.length > 0)
      .map(({ count, times }) => ({ count, picoseconds: toPicoseconds(times) })),
  );
}

function toPicoseconds(milliseconds: readonly number[]): number {
  return Math.round(Math.min(...milliseconds) * PICOSECONDS);
}

/** Made monotonic: more query heads are never faster. */
function raiseHeads(attention: LatencyTable['attention']): LatencyTable['attention'] {
  let before: readonly TimedCount[] = [];
  return attention.map(({ queryHeadsPerKv, times }) => {
    const fewer = before;
    before = times.map(({ count, picoseconds }) => ({
      count,
      picoseconds: Math.max(picoseconds, fewer.find((time) => time.count === count)?.picoseconds ?? 0),
    }));
    return { queryHeadsPerKv, times: before };
  });
}
