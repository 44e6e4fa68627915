import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { StreamMap, StreamRefit, TransposedProduct } from '../../core/ports/compensation.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { nameHalf } from '../calibration/gram-store.js';
import type { BlockRunner } from '../forward/block-runner.js';
import { type HalfStep, type RankedWeights, stepOf } from '../weights/half-blocks.js';
import { INPUT_PARTS, isKept, type MapPart, OUTPUT_PART, replaceMaps } from '../weights/map-parts.js';
import type { EmbeddingTable } from '../weights/token-tables.js';
import { listStreamFits } from './list-stream-fits.js';
import { countStreams, openModelStreams } from './model-streams.js';
import { createStreamMeter, PASSES_TO_FIT, PASSES_TO_FIT_INPUTS } from './stream-meter.js';
import { changeInputs, gatherInputStatistics, gatherOutputStatistics } from './stream-statistics.js';

export interface StreamContext {
  readonly shape: ModelShape;
  readonly rmsNormEpsilon: number;
  readonly runner: BlockRunner;
  readonly embedding: EmbeddingTable;
  /** The ranked weights without compensation. */
  readonly weights: RankedWeights;
  /**
   * Most bytes of hidden states in memory: as many as fit of those of all models and sequences, and the batches being
   * computed.
   */
  readonly stateBytes: number;
  /** Most bytes of compensated maps of several architectures; the maps of one are held in any case. */
  readonly mapBytes: number;
  /** Folder for hidden states that do not fit in memory. */
  readonly scratchDirectory: string;
  readonly multiplyTransposed: TransposedProduct;
  /** Which maps are fitted. */
  readonly refit: StreamRefit;
  /** The compensated map, or the change of maps. */
  readonly fit: (map: StreamMap) => Promise<Float32Array>;
}

/** Compensated maps of one architecture, [rows, hidden] in ranked order, by `nameMap`. */
export type StreamedMaps = Readonly<Record<string, Float32Array>>;

/**
 * Compensates architectures on their own streams. The dense model and the pruned ones run through the calibration
 * sequences side by side, half-block by half-block, and what `listStreamFits` says is fitted before its model continues
 * through it. A half-block that lost everything leaves nothing. The result for one architecture does not depend on the
 * others. Hidden states that do not fit in memory are on disk meanwhile.
 */
export async function compensateStreams(
  context: StreamContext,
  architectures: readonly Architecture[],
  sequences: readonly Int32Array[],
  work: WorkContext,
): Promise<StreamedMaps[]> {
  const {
    shape: { hidden, layers },
    weights,
    refit,
    fit,
  } = context;
  const { signal } = work;
  const passesToFit = PASSES_TO_FIT + (refit === 'all' ? PASSES_TO_FIT_INPUTS : 0);
  const meter = createStreamMeter(layers.length, { architectures: architectures.length, passesToFit, sequences }, work);
  const streams = await openModelStreams({ ...context, hidden, meter }, 1 + architectures.length, sequences);
  const models = architectures.map((architecture, index) => ({
    maps: {} as Record<string, Float32Array>,
    fits: listStreamFits(layers, architecture, refit),
    architecture,
    stream: 1 + index,
  }));
  try {
    let place = 0;
    for (const [layer, own] of layers.entries()) {
      for (const half of ['attention', 'ffn'] as const) {
        // What the maps into a half-block are fitted to is the dense model's stream before it.
        for (const { architecture, maps, fits, stream } of models) {
          if (fits[place]?.inputs !== true) continue;
          const step = stepOf(half, layer, architecture[layer] ?? own);
          const kept = await weights.prepare(step);
          if (!isKept(kept)) continue;
          const statistics = { ...context, hidden, streams, pruned: stream, signal };
          const change = await fit({ ...(await gatherInputStatistics(statistics, kept)), breathe: meter.breathe });
          meter.passed(1);
          for (const [part, map] of Object.entries(changeInputs(kept, change, hidden)))
            maps[nameMap(step, part as MapPart)] = map;
        }
        await streams.advance(0, await weights.prepare(stepOf(half, layer, own)), signal);
        for (const { architecture, maps, fits, stream } of models) {
          const step = stepOf(half, layer, architecture[layer] ?? own);
          // A half-block that the checkpoint has dropped may add a constant to both.
          const kept = await withStreamedMaps(weights, maps).prepare(step);
          const { output = false, inputs = false } = fits[place] ?? {};
          meter.passed(passesToFit - (output ? PASSES_TO_FIT : 1) - (inputs ? PASSES_TO_FIT_INPUTS : 0));
          if (!output || !isKept(kept)) {
            await streams.advance(stream, kept, signal);
            continue;
          }
          const statistics = { ...context, hidden, streams, pruned: stream, signal };
          const gathered = await gatherOutputStatistics(statistics, kept);
          const map = await fit({ ...gathered.map, breathe: meter.breathe });
          meter.passed(1);
          maps[nameMap(step, OUTPUT_PART[half])] = map;
          await streams.advance(stream, replaceMaps(kept, { [OUTPUT_PART[half]]: map }), signal, gathered.inputs);
        }
        place += 1;
      }
    }
    return models.map(({ maps }) => maps);
  } finally {
    await streams.close();
  }
}

/**
 * How many architectures are compensated together: as many as memory has room for, counting the hidden states of each
 * and of the dense model, and the maps.
 */
export function countTogether(
  {
    shape: { hidden, headDim, layers },
    stateBytes,
    mapBytes,
    refit,
  }: Pick<StreamContext, 'shape' | 'stateBytes' | 'mapBytes' | 'refit'>,
  sequences: readonly Int32Array[],
): number {
  const isAll = refit === 'all';
  const maps =
    4 *
    hidden *
    layers.reduce(
      (sum, { kvHeads, queryHeadsPerKv, ffnChannels }) =>
        sum + kvHeads * headDim * (queryHeadsPerKv + (isAll ? queryHeadsPerKv + 2 : 0)) + ffnChannels * (isAll ? 3 : 1),
      0,
    );
  return Math.max(
    1,
    Math.min(countStreams(stateBytes, hidden, sequences) - 1, Math.floor(mapBytes / Math.max(1, maps))),
  );
}

/** The weights of one architecture with its compensated maps in place. */
export function withStreamedMaps(weights: RankedWeights, maps: StreamedMaps): RankedWeights {
  return {
    ...weights,
    prepare: async (step) => {
      const half = await weights.prepare(step);
      if (!isKept(half)) return half;
      const parts = [...INPUT_PARTS[half.kind], OUTPUT_PART[half.kind]];
      return replaceMaps(
        half,
        Object.fromEntries(
          parts.flatMap((part) => {
            const map = maps[nameMap(step, part)];
            return map === undefined ? [] : [[part, map]];
          }),
        ),
      );
    },
  };
}

function nameMap(step: HalfStep, part: MapPart): string {
  return `${nameHalf(step)}:${part}`;
}
