import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainingPlan } from '../../../src/core/ports/recovery.js';
import { identityRanking } from '../../../src/core/model/units.js';
import type { Architecture } from '../../../src/core/model/shape.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import type { Checkpoint } from '../../../src/engine/checkpoint/checkpoint.js';
import { createBlockRunner } from '../../../src/engine/forward/block-runner.js';
import { createBufferPool, createStatePool, embedBatches } from '../../../src/engine/forward/hidden-states.js';
import { batchSequences } from '../../../src/core/sequence-batches.js';
import { createBackwardRunner } from '../../../src/engine/gradients/backward-runner.js';
import { createSessionPool, type SessionPool } from '../../../src/engine/graph/session-pool.js';
import { runDistillationStep, type DistillationContext } from '../../../src/engine/recovery/distillation-step.js';
import { copyHalves, listMatrices, type TrainedHalf } from '../../../src/engine/recovery/trained-halves.js';
import { createRankedWeights } from '../../../src/engine/weights/ranked-weights.js';
import { openTokenTables } from '../../../src/engine/weights/token-tables.js';
import { createWeightStore } from '../../../src/engine/weights/weight-store.js';
import { calibrationSequences } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, withModel } from '../../support/demo-model.js';

type Loss = TrainingPlan['loss'];

const LOSSES: readonly Loss[] = [
  { temperature: 1, crossEntropy: 0 },
  { temperature: 2, crossEntropy: 0.25 },
  { temperature: 1, crossEntropy: 1 },
];

/** Beside it the other parts hardly count. */
const LAYER_ERRORS: Loss = { temperature: 1, crossEntropy: 0.3, layerErrors: 30 };

const breathe = async (): Promise<void> => undefined;

/** How far weights are moved: at 0.01 the loss is curved. */
const STEP = 0.002;

/** Of different lengths, so that a step has several batches. */
const sequences = [12, 20, 12].map((length, index) =>
  (calibrationSequences[index] ?? new Int32Array()).subarray(0, length),
);

/** One layer without attention, one without channels, one with fewer heads, all with fewer channels. */
function prune(layers: Architecture): Architecture {
  return layers.map((layer, index) => ({
    ...layer,
    ffnChannels: index === 3 ? 0 : 100,
    ...(index === 2 ? { kvHeads: 0, queryHeadsPerKv: 0 } : {}),
    ...(index === 1 ? { kvHeads: 2 } : {}),
  }));
}

describe('runDistillationStep', () => {
  let checkpoint: Checkpoint;
  let sessions: SessionPool;
  let context: Omit<DistillationContext, 'loss'>;
  let architecture: Architecture;
  const begin = (): Promise<TrainedHalf[]> => copyHalves(context.teacher, architecture);
  const measure = (
    halves: readonly TrainedHalf[],
    loss: Loss,
    update: Parameters<typeof runDistillationStep>[3] = () => Promise.resolve(),
  ): Promise<number> => runDistillationStep({ ...context, loss }, halves, sequences, update, breathe);

  beforeAll(async () => {
    checkpoint = await openCheckpoint(DEMO_DIRECTORY);
    const { config, shape } = checkpoint;
    architecture = prune(shape.layers);
    sessions = createSessionPool({ threads: 1 });
    const pool = createStatePool();
    const gradientPool = createBufferPool(100 * shape.hidden);
    const store = createWeightStore(2 ** 30);
    const { embedding, wholeHead } = openTokenTables(checkpoint, store, 'resident');
    context = {
      productBytes: Infinity,
      config,
      pool,
      gradientPool,
      embedding,
      head: wholeHead,
      runner: createBlockRunner(config, sessions),
      backward: createBackwardRunner(config, sessions, gradientPool),
      teacher: createRankedWeights(checkpoint, store, { key: 'own', ranking: identityRanking(shape.layers) }),
    };
  });
  afterAll(async () => {
    await sessions.close();
    await checkpoint.close();
  });

  it.each(LOSSES)('gives the loss that the logits of both models give, with %o', async (loss) => {
    const expected = await withModel(DEMO_DIRECTORY, async (model) => {
      let sum = 0;
      let count = 0;
      for (const tokens of sequences) {
        const recipe = { ranking: identityRanking(model.shape.layers) };
        const logits = await model.logits(tokens, { architecture, recipe });
        const taught = await model.logits(tokens);
        const size = logits.length / tokens.length;
        for (let row = 0; row < tokens.length - 1; row++) {
          const of = (all: Float32Array, temperature: number) =>
            softmax([...all.subarray(row * size, (row + 1) * size)].map((logit) => logit / temperature));
          const [p, q] = [of(taught, loss.temperature), of(logits, loss.temperature)];
          const divergence = p.reduce((total, value, at) => total + value * Math.log(value / (q[at] ?? NaN)), 0);
          const likelihood = Math.log(of(logits, 1)[tokens[row + 1] ?? -1] ?? NaN);
          sum += (1 - loss.crossEntropy) * loss.temperature ** 2 * divergence - loss.crossEntropy * likelihood;
          count += 1;
        }
      }
      return sum / count;
    });
    expect(Math.abs((await measure(await begin(), loss)) / expected - 1)).toBeLessThan(1e-4);
  });

  it('adds the squared errors of the states after each layer, relative to those of the unpruned model', async () => {
    const { shape } = context.config;
    const errors = shape.layers.map(() => ({ gaps: 0, squares: 0 }));
    const trained = await begin();
    const teacher = await copyHalves(context.teacher, shape.layers);
    for (const tokens of sequences) {
      const [states, taught] = [await listStates(trained, tokens), await listStates(teacher, tokens)];
      for (const [layer, sums] of errors.entries())
        taught[layer]?.forEach((value, at) => {
          sums.gaps += ((states[layer]?.[at] ?? NaN) - value) ** 2;
          sums.squares += value ** 2;
        });
    }
    const mean = errors.reduce((sum, { gaps, squares }) => sum + gaps / squares, 0) / errors.length;
    const added =
      (await measure(trained, LAYER_ERRORS)) - (await measure(trained, { ...LAYER_ERRORS, layerErrors: 0 }));
    expect(mean).toBeGreaterThan(0.01);
    expect(Math.abs(added / (30 * mean) - 1)).toBeLessThan(1e-4);
  });

  it.each([...LOSSES, LAYER_ERRORS])(
    'gives gradients that agree with central finite differences, with %o',
    async (loss) => {
      const gradients: { place: string; gradient: Float32Array }[] = [];
      await measure(await begin(), loss, async ({ name }, found) => {
        for (const [part, gradient] of Object.entries(found))
          gradients.push({ place: `${name}.${part}`, gradient: gradient.slice() });
      });
      expect(gradients).toHaveLength(4 * 4 + 4 * 3);
      const wrong: string[] = [];
      for (const { place, gradient } of gradients) {
        const norm = Math.hypot(...gradient);
        const [above = NaN, below = NaN] = await Promise.all([
          measure(await move(place, gradient, STEP / norm), loss),
          measure(await move(place, gradient, -STEP / norm), loss),
        ]);
        const slope = (above - below) / (2 * STEP);
        if (!(Math.abs(slope - norm) < 0.02 * norm + 1e-3)) wrong.push(`${place}: ${slope} against ${norm}`);
      }
      expect(wrong).toEqual([]);
    },
  );

  it('keeps no more gradients than those of one half-block, though all are of other lengths', async () => {
    const [loss] = LOSSES as [Loss];
    const layers = architecture.map((layer, index) => ({ ...layer, ffnChannels: 100 - index }));
    const buffers = new Set<ArrayBufferLike>();
    const update = async (_: TrainedHalf, found: Readonly<Record<string, Float32Array>>): Promise<void> => {
      Object.values(found).forEach(({ buffer }) => buffers.add(buffer));
    };
    const halves = await copyHalves(context.teacher, layers);
    await runDistillationStep({ ...context, loss }, halves, sequences, update, breathe);
    // Four matrices of two batches.
    expect(buffers.size).toBeLessThanOrEqual(2 * 4);
    expect([...buffers].every(({ byteLength }) => byteLength === 4 * 100 * 64)).toBe(true);
  });

  it('gives the same gradients, bit for bit, whether products are kept, in part, or computed again', async () => {
    const loss = LAYER_ERRORS;
    // Those of the last layer for all 44 tokens: gate and up, and q, k and v.
    const bytes = 44 * 4 * (2 * 100 + 64 + 2 * 32);
    const all: Map<string, Float32Array>[] = [];
    for (const productBytes of [0, bytes, Infinity]) {
      const gradients = new Map<string, Float32Array>();
      const update = async (half: TrainedHalf, found: Readonly<Record<string, Float32Array>>): Promise<void> => {
        for (const [part, gradient] of Object.entries(found)) gradients.set(`${half.name}.${part}`, gradient.slice());
      };
      await runDistillationStep({ ...context, loss, productBytes }, await begin(), sequences, update, breathe);
      all.push(gradients);
    }
    expect(all[0]?.size).toBe(4 * 4 + 4 * 3);
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
  });

  /** The hidden states of one sequence after each layer. */
  async function listStates(halves: readonly TrainedHalf[], tokens: Int32Array): Promise<Float32Array[]> {
    const windows = [{ tokens }];
    let [states = new Float32Array()] = await embedBatches(
      context.embedding,
      batchSequences(windows),
      windows,
      createStatePool(),
    );
    const after: Float32Array[] = [];
    for (const [index, { half }] of halves.entries()) {
      const output = states.slice();
      if (half.kind !== 'nothing')
        await context.runner.runHalf(half, { count: 1, length: tokens.length }, states, output);
      states = output;
      if (index % 2 === 1) after.push(states);
    }
    return after;
  }

  async function move(place: string, direction: Float32Array, distance: number): Promise<TrainedHalf[]> {
    const halves = await begin();
    for (const { name, half } of halves)
      for (const [part, values] of listMatrices(half))
        if (`${name}.${part}` === place)
          values.forEach((value, at) => (values[at] = value + distance * (direction[at] ?? NaN)));
    return halves;
  }
});

function softmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
