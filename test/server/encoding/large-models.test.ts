import { describe, expect, it } from 'vitest';
import { architectureOf, selectKeptUnits, type KeptUnits, type Ranking } from '../../../src/core/model/units.js';
import type { Architecture, ModelShape } from '../../../src/core/model/shape.js';
import { createRng } from '../../../src/core/random.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { encodeCounts, toRates, type SearchSpace } from '../../../src/core/space/search-space.js';
import { Study } from '../../../src/gen/prunecast/v1/study.js';
import { JobEvent } from '../../../src/gen/prunecast/v1/job.js';
import { InspectModelResponse } from '../../../src/gen/prunecast/v1/model.js';
import { Predictor, RangeReason } from '../../../src/gen/prunecast/v1/predictor_types.js';
import {
  EvaluateRequest,
  PlanEvaluateResponse,
  PruneRequest,
  PruneResponse,
  SearchRequest,
} from '../../../src/gen/prunecast/v1/pruning.js';
import type { StudyReport } from '../../../src/gen/prunecast/v1/study_types.js';
import { MAX_MESSAGE_BYTES } from '../../../src/server/config/limits.js';
import { boundPruneResult, boundStudy, requireAnswerable } from '../../../src/server/encoding/answer-bounds.js';
import { encodeArchitecture, encodeKeptUnits } from '../../../src/server/encoding/architecture.js';
import { encodeCosts, encodeDimension } from '../../../src/server/encoding/costs.js';
import { describeOutput } from '../../../src/server/pruning/describe-output.js';
import { createRequestReader } from '../../../src/server/requests/read-request.js';
import { openSpaces, resolveSelection } from '../../../src/server/requests/resolve-selection.js';
import type { RequestServices } from '../../../src/server/requests/services.js';
import { createShape } from '../../support/shapes.js';

/** Sizes as their config.json has them; no weights are needed. */
const MODELS = [
  {
    name: 'Llama-3.1-8B',
    shape: createShape({
      layers: 32,
      hidden: 4096,
      headDim: 128,
      kvHeads: 8,
      queryHeadsPerKv: 4,
      ffnChannels: 14_336,
      vocabulary: 128_256,
    }),
    kilobytes: { units: 60, manifest: 110, report: 100 },
  },
  {
    name: 'Qwen2.5-32B',
    shape: createShape({
      layers: 64,
      hidden: 5120,
      headDim: 128,
      kvHeads: 8,
      queryHeadsPerKv: 5,
      ffnChannels: 27_648,
      vocabulary: 152_064,
    }),
    kilobytes: { units: 225, manifest: 350, report: 300 },
  },
  {
    name: 'Llama-3.1-70B',
    shape: createShape({
      layers: 80,
      hidden: 8192,
      headDim: 128,
      kvHeads: 8,
      queryHeadsPerKv: 8,
      ffnChannels: 28_672,
      vocabulary: 128_256,
    }),
    kilobytes: { units: 290, manifest: 450, report: 400 },
  },
] as const;

/** "Well under" the message limit: what grows with a model must leave room for what is yet to come. */
const WELL_UNDER = MAX_MESSAGE_BYTES / 4;

describe.each(MODELS)('$name', ({ name, shape, kilobytes }) => {
  const kept = drawUnits(shape);
  const architecture = architectureOf(kept);
  const space = createSearchSpace(shape, {
    kinds: ['kv_heads', 'query_heads_per_kv', 'ffn_channels'],
    protectedLayers: [],
    maxRate: 1,
  });
  const units = encodeKeptUnits(kept, shape.layers);
  const manifest = describeOutput(
    { name, shape, checkpointDigest: 'c'.repeat(64) },
    kept,
    { exporter: { id: 'hf' }, options: {} },
    { recipe: undefined, allocation: '', measurements: {}, budgets: [] },
  );
  const study = Study.fromPartial({
    dimensions: space.dimensions.map(encodeDimension),
    report: writeReport(shape, architecture, units),
  });

  it('has its kept units, a quarter of all gone, in messages and in the manifest at an eighth of a byte per unit', () => {
    expect(sizeOf(PruneRequest, { selection: { $case: 'keptUnits', value: units } })).toBeLessThan(
      1000 * kilobytes.units,
    );
    expect(JSON.stringify(manifest).length).toBeLessThan(1000 * kilobytes.manifest);
  });

  it('ends a Prune and a Search well under the message limit, and below what was reckoned with beforehand', () => {
    const costs = encodeCosts(shape, architecture);
    const pruned = event({
      $case: 'prune',
      value: { architecture: encodeArchitecture(architecture), keptUnits: units, costs, files: listFiles() },
    });
    expect(pruned).toBeLessThan(WELL_UNDER);
    expect(pruned).toBeLessThan(boundPruneResult(shape.layers, 0));
    const searched = event({ $case: 'search', value: study.report ?? {} });
    expect(searched).toBeLessThan(1000 * kilobytes.report);
    expect(sizeOf(Study, study)).toBeLessThan(WELL_UNDER);
    expect(sizeOf(Study, study)).toBeLessThan(boundStudy(planOf(space, { objectives: FRONT })));
    expect(boundStudy(planOf(space, { objectives: FRONT }))).toBeLessThan(MAX_MESSAGE_BYTES);
  });

  it('is inspected, refined, predicted and planned well under the message limit', () => {
    const dimensions = space.dimensions.map(encodeDimension);
    expect(sizeOf(InspectModelResponse, { architecture: encodeArchitecture(shape.layers), dimensions })).toBeLessThan(
      WELL_UNDER / 10,
    );
    const trial = {
      architecture: encodeArchitecture(architecture),
      rates: [...toRates(space, encodeCounts(space, architecture))],
      metrics: { perplexity: 1, accuracy: 1 },
    };
    const ranges = space.dimensions.map(({ name: dimension }) => ({
      dimension,
      oldMinRate: 0.1,
      oldMaxRate: 0.5,
      newMinRate: 0.2,
      newMaxRate: 0.7,
      importance: 1,
      reason: RangeReason.UNIMPORTANT,
    }));
    for (const payload of [
      { $case: 'study', value: { event: { $case: 'trial', value: trial } } },
      { $case: 'study', value: { event: { $case: 'refined', value: { ranges } } } },
      { $case: 'paused', value: { ranges } },
    ] as const)
      expect(sizeOf(JobEvent, { payload })).toBeLessThan(WELL_UNDER / 10);
    const names = space.dimensions.map((dimension) => dimension.name);
    expect(
      sizeOf(Predictor, { dimensions: names, minRates: names.map(() => 0.1), maxRates: names.map(() => 0.5) }),
    ).toBeLessThan(WELL_UNDER / 10);
    const plan = {
      architectures: Array.from({ length: 1000 }, () => encodeArchitecture(architecture)),
      costs: Array.from({ length: 1000 }, () => encodeCosts(shape, architecture)).flatMap(([first]) => first ?? []),
    };
    expect(sizeOf(PlanEvaluateResponse, { plan })).toBeLessThan(WELL_UNDER);
    const spec = { ranges: names.map((dimension) => ({ dimension, minRate: 0.1, maxRate: 0.5 })) };
    expect(sizeOf(SearchRequest, { model: name, space: spec })).toBeLessThan(WELL_UNDER / 10);
  });

  it('is evaluated by its manifest, whose request decodes to the units that were written', async () => {
    const request = EvaluateRequest.fromPartial({
      model: name,
      targets: [{ target: { $case: 'manifest', value: JSON.parse(JSON.stringify(manifest)) as typeof manifest } }],
    });
    const bytes = Buffer.from(EvaluateRequest.encode(request).finish());
    expect(bytes.length).toBeLessThan(WELL_UNDER);
    const read = createRequestReader('/prunecast.v1.PruningService/Evaluate', EvaluateRequest.decode)(bytes);
    if (read instanceof Error) throw read;
    // Neither plug-ins nor texts are asked for exact units.
    const services = {
      model: { name, shape },
      readManifest: () => Promise.resolve(manifest),
    } as unknown as RequestServices;
    const spaces = openSpaces(shape, shape, undefined, {});
    for (const target of [read.targets[0]?.target, { $case: 'earlierOutput', value: 'pruned' }] as const) {
      const selection = await resolveSelection(services, target, spaces, 'targets[0]');
      expect(selection.keptUnits).toEqual(kept);
      expect(selection.architecture).toEqual(architecture);
    }
  });
});

describe('what no message could answer', () => {
  const shape = MODELS[2].shape;

  it('is refused before any work: the units of a model of a hundred times as many channels', () => {
    const large = shape.layers.map((layer) => ({ ...layer, ffnChannels: 100 * layer.ffnChannels }));
    expect(() => requireAnswerable(boundPruneResult(large, 0), 'try another')).toThrow(
      expect.objectContaining({ reason: 'MESSAGE_TOO_LARGE' }),
    );
  });

  it('is refused before any work: a front of very many finalists', () => {
    const space = createSearchSpace(shape);
    const many = { finalists: 1000, rounds: 3 };
    expect(() => requireAnswerable(boundStudy(planOf(space, many)), 'ask for fewer')).not.toThrow();
    expect(() => requireAnswerable(boundStudy(planOf(space, { ...many, objectives: FRONT })), 'ask for fewer')).toThrow(
      'ask for fewer',
    );
  });
});

type Plan = Parameters<typeof boundStudy>[0];
const FRONT: NonNullable<Plan['objectives']> = { objectives: [{ terms: [] }, { terms: [] }], limits: [] };

/** As much of a plan as the size of its report depends on. */
function planOf(space: SearchSpace, changes: Partial<Plan> = {}): Plan {
  return {
    space,
    budgets: [],
    controls: ['uniform-paper', 'uniform-best', 'global-threshold', 'calibration-error', 'random'],
    paperControls: ['uniform-paper', 'uniform-best'],
    finalists: 6,
    rounds: 3,
    ...changes,
  };
}

/** A random quarter of the groups and channels of each layer gone: bitmaps that do not compress. */
function drawUnits({ layers }: ModelShape): KeptUnits {
  const rng = createRng(1);
  const ranking: Ranking = layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
    kvGroups: rng.shuffle(range(kvHeads)),
    queryHeads: range(kvHeads).map(() => range(queryHeadsPerKv)),
    ffnChannels: rng.shuffle(range(ffnChannels)),
  }));
  return selectKeptUnits(
    ranking,
    layers.map((layer) => ({ ...layer, kvHeads: 0.75 * layer.kvHeads, ffnChannels: 0.75 * layer.ffnChannels })),
    layers,
  );
}

/** A report with all controls and a front of all 18 finalists. */
function writeReport(shape: ModelShape, architecture: Architecture, winnerUnits: StudyReport['winnerUnits'] & {}) {
  const described = {
    architecture: encodeArchitecture(architecture),
    costs: encodeCosts(shape, architecture),
    metrics: { perplexity: 12.5, accuracy: 0.5 },
  };
  const row = { ...described, name: 'paper-recipe/uniform-paper', recipeDigest: 'd'.repeat(64) };
  return {
    winnerUnits,
    dense: row,
    winner: row,
    controls: Array.from({ length: 7 }, () => row),
    front: { points: Array.from({ length: 18 }, () => described) },
  };
}

/** Files of an output of many shards. */
function listFiles(): string[] {
  return range(40).map((shard) => `model-${String(shard).padStart(5, '0')}-of-00040.safetensors`);
}

function event(result: Result): number {
  return sizeOf(PruneResponse, { event: { payload: { $case: 'ended', value: { result } } } });
}

type Partials = NonNullable<Parameters<typeof PruneResponse.fromPartial>[0]['event']>['payload'];
type Result = NonNullable<NonNullable<Extract<Partials, { $case: 'ended' }>['value']>['result']>;

/** Bytes of a message through its generated codec, both ways. */
function sizeOf<Message, Partial>(
  codec: {
    fromPartial(value: Partial): Message;
    encode(message: Message): { finish(): Uint8Array };
    decode(bytes: Uint8Array): Message;
  },
  value: Partial,
): number {
  const bytes = codec.encode(codec.fromPartial(value)).finish();
  expect(Buffer.compare(codec.encode(codec.decode(bytes)).finish(), bytes)).toBe(0);
  return bytes.length;
}

function range(size: number): number[] {
  return Array.from({ length: size }, (_, index) => index);
}
