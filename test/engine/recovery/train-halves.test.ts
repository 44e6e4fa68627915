import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrainingPlan } from '../../../src/core/ports/recovery.js';
import type { WorkContext, WorkProgress } from '../../../src/core/ports/work-context.js';
import { openArrayFile } from '../../../src/engine/files/array-file.js';
import { trainMatrices } from '../../../src/engine/recovery/parameters.js';
import { openTraining, type TrainingState } from '../../../src/engine/recovery/saved-training.js';
import { trainHalves, type TrainingContext, type TrainingOutcome } from '../../../src/engine/recovery/train-halves.js';
import { listMatrices, type TrainedHalf } from '../../../src/engine/recovery/trained-halves.js';
import distill from '../../../src/plugins/recoveries/distill.js';
import { unattended } from '../../support/demo-model.js';

const sequences = Array.from({ length: 500 }, (_, index) => Int32Array.of(1, index));

const planOf = (options: Record<string, number>): TrainingPlan => {
  const plan = distill.plan(distill.options.parse({ sequences_per_step: 1, warm_up_steps: 0, ...options }));
  if (plan === undefined) throw new Error('distill has a plan');
  return plan;
};

/** Two half-blocks of one channel and one hidden value. */
const begin = async (): Promise<TrainedHalf[]> => ['0:ffn', '1:ffn'].map((name) => createHalf(name, 1));

function createHalf(name: string, channels: number): TrainedHalf {
  const none = { gateBias: undefined, upBias: undefined, downBias: undefined };
  const norm = Float32Array.of(1);
  const [gate, up, down] = [2, 3, 4].map((value) => new Float32Array(channels).fill(value)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  return { name, half: { kind: 'ffn', channels, weights: { norm, gate, up, down, ...none } } };
}

describe('trainHalves', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'training-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** Steps and checks that take as long as they are said to, on a clock of its own. */
  function train(
    plan: TrainingPlan,
    seconds: { readonly step: number; readonly first?: readonly number[]; readonly check: number },
    more: Partial<TrainingContext> = {},
    work: WorkContext = unattended,
  ): Promise<TrainingOutcome> {
    let clock = 0;
    let steps = 0;
    return trainHalves(
      {
        directory,
        key: 'own',
        momentBytes: 1e6,
        saveEveryMs: 40_000,
        now: () => 1000 * clock,
        begin,
        parameterise: trainMatrices,
        round: (_name, _part, values) => values,
        runStep: async (halves, _, update) => {
          clock += seconds.first?.[steps] ?? seconds.step;
          steps += 1;
          for (const half of halves.toReversed())
            await update(half, { gate: Float32Array.of(1), up: Float32Array.of(1), down: Float32Array.of(1) });
          return 1;
        },
        measure: async () => {
          clock += seconds.check;
          return 10 - steps;
        },
        ...more,
      },
      plan,
      sequences,
      work,
    );
  }

  it('plans as many steps as fit into its minutes beside its checks', async () => {
    const outcome = await train(planOf({ minutes: 10, checks: 4 }), { step: 5, first: [20], check: 18 });
    // Of 570 s the first check and four steps take 53, the other checks 72: 89 more steps.
    expect(outcome).toMatchObject({ steps: 93, ended: 'out-of-time' });
    expect(outcome.seconds).toBeLessThanOrEqual(600);
  });

  it('plans more steps if those after the first few are faster', async () => {
    const plan = planOf({ minutes: 10, checks: 4 });
    // By the first steps there would be 24. Of 570 s, 16 steps and three checks take 264; with time for four checks 23
    // more steps fit.
    expect(await train(plan, { step: 10, first: [20, 20, 20, 20, 20], check: 18 })).toMatchObject({
      steps: 39,
      ended: 'out-of-time',
    });
  });

  it('ends when its time is over, with one check of the last weights', async () => {
    let [clock, steps, checks] = [0, 0, 0];
    const outcome = await train(
      planOf({ minutes: 1, checks: 1000 }),
      { step: 1, check: 0 },
      {
        now: () => 1000 * clock,
        runStep: async () => {
          clock += ++steps > 4 ? 60 : 1; // much slower than the steps that the plan was made by
          return 1;
        },
        measure: async () => 10 - checks++,
      },
    );
    expect(outcome).toMatchObject({ steps: 5, bestStep: 5, ended: 'out-of-time' });
    expect(checks).toBe(1 + 5);
  });

  it('makes no more steps than its passes need', async () => {
    expect(await train(planOf({ passes: 0.1 }), { step: 1, check: 1 })).toMatchObject({ steps: 50, ended: 'finished' });
  });

  it.each([Number.NaN, Infinity])(
    'ends at once when the held-out loss becomes %d, and keeps the best weights',
    async (loss) => {
      let checks = 0;
      const measure = async (): Promise<number> => [5, 4][checks++] ?? loss;
      // A check after each seven steps.
      const outcome = await train(planOf({ passes: 0.1, checks: 8 }), { step: 1, check: 1 }, { measure });
      expect(outcome).toMatchObject({ steps: 14, bestStep: 7, before: 5, after: 4, ended: 'no-more-gain' });
    },
  );

  it('tells how far it is while it prepares, inside of a check and inside of a step', async () => {
    const told: WorkProgress[] = [];
    const report = (progress: WorkProgress) => void told.push(progress);
    await train(
      planOf({ passes: 0.004, checks: 1 }),
      { step: 1, check: 1 },
      {
        measure: async (_, work) => {
          work.report?.({ what: 'tokens', done: 3, total: 4 });
          return 1;
        },
        runStep: async (_halves, _batch, _update, breathe) => {
          await pause(60);
          await breathe(0.5);
          return 1;
        },
      },
      { ...unattended, report },
    );
    const at = told.map(({ what, done, total }) => `${done}/${total} ${what}`);
    // Two steps of a sequence of two tokens, after both half-blocks and the first check, and before the last one.
    expect(at).toEqual([
      '75/100 %',
      '100/100 %',
      '3/4 held-out tokens',
      '1/4 tokens',
      '2/4 tokens',
      '3/4 tokens',
      '3/4 held-out tokens',
      '4/4 tokens',
      '4/4 tokens',
    ]);
  });

  it('reports no perplexity of a model whose held-out loss is not a number before training', async () => {
    const begun = train(planOf({ passes: 0.1 }), { step: 1, check: 1 }, { measure: async () => Number.NaN });
    await expect(begun).rejects.toMatchObject({ reason: 'METRIC_INVALID', metadata: { metric: 'held_out_loss' } });
    expect(await readdir(directory)).toEqual([]);
  });

  it('leaves the best weights and its state, and no weights that were best before', async () => {
    const { bestStep } = await train(planOf({ passes: 0.1 }), { step: 1, check: 1 });
    expect(bestStep).toBe(50);
    expect((await readdir(directory)).toSorted()).toEqual(['best-50.arrays', 'state.arrays']);
  });

  it('keeps no moments in memory beyond what it may, though half-blocks are of different sizes', async () => {
    const halves = [5, 4, 3, 2].map((channels) => createHalf(`${channels}:ffn`, channels));
    const { moments } = await openTraining(
      directory,
      { key: 'own', momentBytes: 0, begin: async () => halves, parameterise: trainMatrices, from: 'best' },
      unattended.signal,
    );
    const buffers = new Set<ArrayBufferLike>();
    for (const place of halves.keys()) {
      const values = await moments.read(place);
      expect(values).toEqual(new Float32Array(6 * (5 - place)));
      buffers.add(values.buffer);
      await moments.write(place, values);
    }
    await moments.close();
    expect(buffers.size).toBe(1);
  });

  it('saves the weights and moments of one step alone, though the next step begins meanwhile', async () => {
    const after: Float32Array[] = [];
    const broken = train(
      planOf({ passes: 1, learning_rate: 0.1 }),
      { step: 41, check: 1 },
      {
        runStep: async (halves, _, update) => {
          for (const half of halves.toReversed())
            await update(half, { gate: Float32Array.of(1), up: Float32Array.of(1), down: Float32Array.of(1) });
          const [own] = halves[0] === undefined ? [] : listMatrices(halves[0].half);
          after.push(own?.[1].slice() ?? new Float32Array());
          if (after.length === 9) throw new Error('broken');
          return 1;
        },
        saveEveryMs: -1,
      },
    );
    await expect(broken).rejects.toThrow('broken');
    const file = await openArrayFile<TrainingState>(join(directory, 'state.arrays'));
    try {
      expect(file?.document.step).toBe(8);
      expect(await file?.read('0:ffn.gate')).toEqual(after[7]);
      for (const part of ['gate', 'up', 'down', 'moments'])
        expect(await file?.read(`0:ffn.${part}`)).toEqual(await file?.read(`1:ffn.${part}`));
    } finally {
      await file?.close();
    }
  });
});
