import { planRuns } from '../../../src/core/run-batches.js';
import { scoreFrom } from '../../../src/core/sequence.js';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Criterion, LayerUnits } from '../../../src/core/ports/criterion.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import type { WeightSource } from '../../../src/engine/weights/layer-weights.js';
import { createBlockRunner } from '../../../src/engine/forward/block-runner.js';
import { createRankedWeights } from '../../../src/engine/weights/ranked-weights.js';
import { openTokenTables } from '../../../src/engine/weights/token-tables.js';
import { createWeightStore } from '../../../src/engine/weights/weight-store.js';
import { computeGradients, type GradientContext } from '../../../src/engine/gradients/compute-gradients.js';
import { createSessionPool } from '../../../src/engine/graph/session-pool.js';
import { identityRanking } from '../../../src/core/model/units.js';
import { createModelRuntime, type ModelRuntime } from '../../../src/engine/runtime/model-runtime.js';
import type { Calibration, LanguageModel } from '../../../src/engine/language-model.js';
import { planSegments } from '../../../src/engine/gradients/plan-segments.js';
import blockInfluence from '../../../src/plugins/criteria/block-influence.js';
import taylor from '../../../src/plugins/criteria/taylor.js';
import { calibrationSequences, CRITERIA } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended } from '../../support/demo-model.js';
import { hasShared, sharedPath } from '../../support/shared.js';
import { findTrait, writeTrait } from '../../support/trait-checkpoint.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';

const GIBIBYTE = 2 ** 30;

describe('taylor', () => {
  let model: LanguageModel;
  let calibration: Calibration;
  beforeAll(async () => {
    model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY));
    calibration = await model.calibrate(calibrationSequences, ['gradients', 'block-io'], unattended);
  });
  afterAll(() => model.close());

  const score = (criterion: Criterion, file: string, options: unknown) =>
    model.scoreUnits({
      criterion,
      options,
      calibration,
      seed: 7,
      work: unattended,
      moduleUrl: new URL(`../../../src/plugins/criteria/${file}.js`, import.meta.url),
    });

  it.each(['vectorize', 'first', 'second', 'mix'])('gives the reference scores of order %s', async (order) => {
    const scores = await score(taylor as Criterion, 'taylor', { order });
    expect(scores).toHaveLength(5);
    for (const [layer, expected] of (CRITERIA.scores[`taylor-${order}`] ?? []).entries()) {
      const found = scores[layer];
      for (const [actual, reference] of [
        [found?.ffnChannels, expected.ffn],
        [found?.queryHeads, expected.query_head],
        [found?.kvGroups, expected.kv_group],
      ] as const) {
        expect(actual).toHaveLength(reference.length);
        // Sums that cancel are compared with the largest score of the layer.
        const largest = Math.max(...reference);
        const errors = reference.map(
          (value, unit) => Math.abs((actual?.[unit] ?? NaN) - value) / (order === 'vectorize' ? 0.1 * largest : value),
        );
        expect(Math.max(...errors)).toBeLessThan(1e-3);
      }
    }
  });

  it("gives every unit its layer's block influence", async () => {
    const scores = await score(blockInfluence as Criterion, 'block-influence', {});
    CRITERIA.block_influence.forEach((expected, layer) => {
      const { ffnChannels = [], queryHeads = [], kvGroups = [] } = scores[layer] ?? {};
      for (const unit of [...ffnChannels, ...queryHeads, ...kvGroups])
        expect(Math.abs(unit / expected - 1)).toBeLessThan(1e-3);
      expect([ffnChannels.length, queryHeads.length, kvGroups.length]).toEqual([172, 8, 4]);
    });
  });

  it('refuses to pass gradients to another thread', async () => {
    await expect(
      model.scoreUnits({
        criterion: taylor as Criterion,
        options: { order: 'first' },
        calibration,
        seed: 7,
        work: unattended,
      }),
    ).rejects.toThrow(/module/);
  });
});

describe('computeGradients', () => {
  it('agrees with central finite differences of the demo model, along each matrix of a layer and in single weights', async () => {
    const sequences = calibrationSequences.slice(0, 3).map((sequence, index) => sequence.subarray(0, 30 + 10 * index));
    expect(await findWrongSlopes(DEMO_DIRECTORY, { layer: 1, step: 0.003 }, sequences)).toEqual([]);
  });

  it.each(['a Mistral beyond its sliding window', 'yarn with mscale'])(
    'agrees with central finite differences of %s',
    async (name) => {
      const [trait, { tokens }] = findTrait(name);
      expect(
        await findWrongSlopes(await writeTrait(trait), { layer: 0, step: 0.01 }, [Int32Array.from(tokens)]),
      ).toEqual([]);
    },
  );

  const families = hasShared ? readCases() : [];
  it.skipIf(!hasShared).each(families)('agrees with central finite differences of %s', async (name, sequences) => {
    expect(await findWrongSlopes(sharedPath('reference/families', name), { layer: 0, step: 0.01 }, sequences)).toEqual(
      [],
    );
  });

  it('gives the same results if little memory makes it run layers forward again', async () => {
    const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
    const { config, shape } = checkpoint;
    const sessions = createSessionPool({ threads: 2 });
    const readTable = async (name: string): Promise<Float32Array> => checkpoint.readTensor(name);
    const embedding = await readTable('model.embed_tokens.weight');
    const sequences = calibrationSequences.slice(0, 2);
    const context: GradientContext = {
      config,
      sessions,
      runner: createBlockRunner(config, sessions),
      embedding: openTokenTables(checkpoint, createWeightStore(GIBIBYTE), 'resident').embedding,
      head: async () => ({ norm: await readTable('model.norm.weight'), head: embedding }),
      weights: createRankedWeights(checkpoint, createWeightStore(GIBIBYTE), {
        key: 'own',
        ranking: identityRanking(shape.layers),
      }),
      stateBytes: GIBIBYTE,
    };
    const copyBytes = 4 * 2 * 128 * shape.hidden;
    const collect = async (stateBytes: number): Promise<unknown[]> => {
      const found: unknown[] = [];
      for await (const { layer, gradients } of computeGradients(
        { ...context, stateBytes },
        sequences,
        unattended.signal,
      ))
        found.push({ layer, gradients });
      return found;
    };
    const [plenty, little] = [await collect(GIBIBYTE), await collect(7 * copyBytes)]; // 7 take two segments
    expect(little).toEqual(plenty);
    await expect(collect(5 * copyBytes)).rejects.toMatchObject({ reason: 'MEMORY_EXCEEDED' });
    await sessions.close();
    await checkpoint.close();
  });
});

describe('planSegments', () => {
  it('takes one segment if all states fit, fewer states for more segments, and gives up below the minimum', () => {
    expect(planSegments(30, 40)).toEqual([{ from: 0, to: 30 }]);
    expect(planSegments(5, 7)).toEqual([
      { from: 0, to: 3 },
      { from: 3, to: 5 },
    ]);
    expect(planSegments(30, 12)).toBeUndefined();
  });
});

/**
 * Moves each matrix of a layer along its own gradient, and its steepest weight alone; the slope of the loss is then
 * known. Lists where it differs.
 */
async function findWrongSlopes(
  directory: string,
  { layer, step }: { readonly layer: number; readonly step: number },
  sequences: readonly Int32Array[],
): Promise<string[]> {
  const checkpoint = await openCheckpoint(directory);
  const options = { threads: 2, memoryBudgetBytes: GIBIBYTE };
  const runtime = createModelRuntime(checkpoint, options);
  const gradients = await readGradients(runtime, layer, sequences, checkpoint.shape.hidden);
  await runtime.close();
  const wrong: string[] = [];
  for (const [part, gradient] of Object.entries(gradients)) {
    const name = `model.layers.${layer}.${part}.weight`;
    const norm = Math.hypot(...gradient);
    const steepest = gradient.reduce(
      (best, value, index) => (Math.abs(value) > Math.abs(gradient[best] ?? 0) ? index : best),
      0,
    );
    const single = gradient.map((value, index) => (index === steepest ? Math.sign(value) : 0));
    for (const [direction, slope] of [
      [gradient.map((value) => value / norm), norm],
      [single, Math.abs(gradient[steepest] ?? NaN)],
    ] as const) {
      const [above = NaN, below = NaN] = await Promise.all(
        [step, -step].map(async (distance) => {
          const moved: WeightSource = {
            ...checkpoint,
            readTensor: async (read) => {
              const values = await checkpoint.readTensor(read);
              return read === name
                ? values.map((value, index) => value + distance * (direction[index] ?? NaN))
                : values;
            },
          };
          const movedRuntime = createModelRuntime(moved, options);
          const loss = await measureLoss(movedRuntime, checkpoint.shape.layers, sequences);
          await movedRuntime.close();
          return loss;
        }),
      );
      const difference = (above - below) / (2 * step);
      if (!(Math.abs(difference - slope) < 0.02 * slope + 2e-4)) wrong.push(`${part}: ${difference} against ${slope}`);
    }
  }
  await checkpoint.close();
  return wrong;
}

async function measureLoss(
  runtime: ModelRuntime,
  architecture: WeightSource['config']['shape']['layers'],
  sequences: readonly Int32Array[],
): Promise<number> {
  const scored = sequences.map((tokens) => scoreFrom(tokens));
  const recipe = { key: 'own', ranking: identityRanking(architecture) };
  for await (const { losses } of runtime.observe(
    recipe,
    [architecture],
    { request: { sequences: scored }, batches: planRuns(scored) },
    unattended,
  )) {
    return (
      losses.reduce((sum, loss, index) => sum + loss / ((sequences[index]?.length ?? NaN) - 1), 0) / sequences.length
    );
  }
  throw new Error('no losses');
}

/** dLoss/dW in the layout of a checkpoint, assembled from what a criterion receives. */
async function readGradients(
  runtime: ModelRuntime,
  layer: number,
  sequences: readonly Int32Array[],
  hidden: number,
): Promise<Record<string, Float32Array>> {
  const seen: LayerUnits[] = [];
  const spy: Criterion = {
    kind: 'criterion',
    apiVersion: 1,
    id: 'spy',
    summary: '',
    needs: ['gradients'],
    options: taylor.options,
    score: (units) => {
      if (units.layer === layer) seen.push(units);
      return new Float32Array(units.units.length);
    },
  };
  await runtime.scoreUnits(
    { plugin: spy, options: {}, seed: 1 },
    await runtime.calibrate(sequences, ['gradients'], unattended),
    unattended,
  );
  const gather = (kind: LayerUnits['kind'], slice: number): Float32Array =>
    Float32Array.from(
      seen.find((units) => units.kind === kind)?.units.flatMap(({ gradients }) => [...(gradients?.[slice] ?? [])]) ??
        [],
    );
  return {
    'self_attn.q_proj': gather('query_head', 0),
    'self_attn.k_proj': gather('kv_group', 0),
    'self_attn.v_proj': gather('kv_group', 1),
    'self_attn.o_proj': transpose(gather('query_head', 1), hidden),
    'mlp.gate_proj': gather('ffn_channel', 0),
    'mlp.up_proj': gather('ffn_channel', 1),
    'mlp.down_proj': transpose(gather('ffn_channel', 2), hidden),
  };
}

function transpose(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  return Float32Array.from(values, (_, index) => values[(index % rows) * columns + Math.floor(index / rows)] ?? NaN);
}

function readCases(): [string, Int32Array[]][] {
  const { cases, input_ids: ids } = JSON.parse(
    readFileSync(sharedPath('reference/families/expected.json'), 'utf8'),
  ) as { readonly cases: object; readonly input_ids: readonly (readonly number[])[] };
  return Object.keys(cases).map((name) => [name, ids.map((row) => Int32Array.from(row))]);
}
