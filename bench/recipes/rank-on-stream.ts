import type { Architecture, LayerArchitecture } from '../../src/core/model/shape.js';
import type { UnitScores } from '../../src/core/model/unit-scores.js';
import type { Ranking } from '../../src/core/model/units.js';
import type { StreamMap } from '../../src/core/ports/compensation.js';
import type { Checkpoint } from '../../src/engine/checkpoint/checkpoint.js';
import { fitStream } from '../../src/engine/compensation/fit-least-squares.js';
import { openModelStreams } from '../../src/engine/compensation/model-streams.js';
import { gatherOutputStatistics } from '../../src/engine/compensation/stream-statistics.js';
import { eliminateUnits } from '../../src/engine/ranking/eliminate-units.js';
import { rankUnits } from '../../src/engine/ranking/rank-units.js';
import { createModelMemory } from '../../src/engine/runtime/model-memory.js';
import { stepOf, type HalfStep } from '../../src/engine/weights/half-blocks.js';
import { isKept, OUTPUT_PART, replaceMaps } from '../../src/engine/weights/map-parts.js';
import { createRankedWeights } from '../../src/engine/weights/ranked-weights.js';

/**
 * What is eliminated on the stream. `own`: the weights that the model has. `fitted`: those that least squares fit to what
 * the stream lacks while all units stay.
 */
export type StreamWeights = 'own' | 'fitted';

interface StreamRankingRequest {
  readonly architecture: Architecture;
  readonly sequences: readonly Int32Array[];
  readonly weights: StreamWeights;
  readonly threads: number;
  readonly memoryBudgetBytes: number;
}

/** The defaults of `obs` and of `least-squares`. */
const [RANK_DAMPING, FIT_DAMPING] = [0.01, 0.1];

/**
 * Ranks the units of an architecture as `obs` does, but half-block by half-block on the Gram matrices of its own stream:
 * those of the inputs in the model whose earlier half-blocks are pruned already, and compensated by least squares on the
 * stream. Halves that lose nothing keep the order of the model.
 */
export async function rankOnStream(checkpoint: Checkpoint, request: StreamRankingRequest): Promise<Ranking> {
  const { architecture, sequences, threads, memoryBudgetBytes } = request;
  const { shape, rmsNormEpsilon } = checkpoint.config;
  const { hidden } = shape;
  const { signal } = new AbortController();
  const memory = createModelMemory(checkpoint, { threads, memoryBudgetBytes });
  try {
    const call = await memory.startCall(sequences, { needs: ['gram'], fit: 'stream' });
    const { multiplyTransposed, scratchDirectory, store } = memory;
    const meter = { passed: () => undefined };
    const streams = await openModelStreams({ ...call, hidden, scratchDirectory, meter }, 2, sequences);
    const scores = shape.layers.map(createScores);
    const weightsOf = (key: string) =>
      createRankedWeights(checkpoint, store, { key, ranking: rankUnits(scores, shape.layers) });
    const dense = weightsOf('dense');
    try {
      for (const [layer, own] of shape.layers.entries()) {
        for (const half of ['attention', 'ffn'] as const) {
          const whole = await dense.prepare(stepOf(half, layer, own));
          const step = stepOf(half, layer, architecture[layer] ?? own);
          await streams.advance(0, whole, signal);
          if (!isKept(whole) || !losesUnits(own, step)) {
            await streams.advance(1, whole, signal);
            continue;
          }
          const statistics = { ...call, hidden, rmsNormEpsilon, multiplyTransposed, streams, pruned: 1, signal };
          const { map } = await gatherOutputStatistics(statistics, whole);
          const found = await eliminate(map, own, step, request.weights);
          scores[layer] = {
            ...(scores[layer] ?? createScores(own)),
            [half === 'ffn' ? 'ffnChannels' : 'kvGroups']: found,
          };
          const kept = await weightsOf(`${layer}:${half}`).prepare(step);
          if (!isKept(kept)) throw new Error(`layer ${layer} keeps nothing of its ${half}: it cannot be ranked`);
          const gathered = await gatherOutputStatistics(statistics, kept);
          const fitted = await fitStream(gathered.map, FIT_DAMPING);
          await streams.advance(1, replaceMaps(kept, { [OUTPUT_PART[half]]: fitted }), signal, gathered.inputs);
        }
      }
      return rankUnits(scores, shape.layers);
    } finally {
      await streams.close();
    }
  } finally {
    await memory.close();
  }
}

async function eliminate(
  map: StreamMap,
  { kvHeads }: LayerArchitecture,
  { half }: HalfStep,
  kind: StreamWeights,
): Promise<Float32Array> {
  const { rows, columns, gram, multiplyTransposed } = map;
  const weights = kind === 'own' ? map.weights : await fitStream({ ...map, gram: gram.slice() }, FIT_DAMPING); // both would overwrite it
  const units = half === 'attention' ? kvHeads : rows;
  const scored = { weights, rows, hidden: columns, gram, unitsTogether: units, multiplyTransposed };
  return Float32Array.from(await eliminateUnits(scored, units, RANK_DAMPING));
}

/** Whole key-value groups and channels; query heads stay with their group. */
function losesUnits(own: LayerArchitecture, step: HalfStep): boolean {
  return step.half === 'attention' ? step.kvHeads < own.kvHeads : step.ffnChannels < own.ffnChannels;
}

function createScores({ kvHeads, queryHeadsPerKv, ffnChannels }: LayerArchitecture): UnitScores {
  return {
    ffnChannels: new Float32Array(ffnChannels),
    queryHeads: new Float32Array(kvHeads * queryHeadsPerKv),
    kvGroups: new Float32Array(kvHeads),
  };
}
