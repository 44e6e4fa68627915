import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { identityRanking } from '../../../src/core/model/units.js';
import { timeRuns } from '../../../src/engine/latency/time-runs.js';
import type { LatencyContext } from '../../../src/engine/latency/time-decoding.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';
import type { ReadyHalf } from '../../../src/engine/weights/half-blocks.js';
import { evaluationWindows } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

/** The demo model without the attention of one layer: nine half-blocks. */
const architecture: Architecture = STORIES_SHAPE.layers.map((layer, index) =>
  index === 2 ? { ...layer, kvHeads: 0, queryHeadsPerKv: 0 } : layer,
);

describe('timeRuns', () => {
  it('adds up the half-blocks that are left and the head, in each run after those that warm up', async () => {
    let clock = 0;
    const runs = { prefill: 0, decode: 0, head: 0 };
    const context = {
      shape: STORIES_SHAPE,
      now: () => clock,
      head: async () => ({
        norm: new Float32Array(64),
        parts: [{ first: 0, tokens: 512, read: async () => new Float32Array(512 * 64) }],
      }),
      runner: {
        computeLogits: async () => {
          runs.head += 1;
          clock += 1000;
        },
        runHalf: async (_half: unknown, { count, length }: { count: number; length: number }) => {
          runs.prefill += 1;
          clock += count * length;
        },
      },
      decoder: {
        runHalf: async (_half: unknown, _cache: unknown, length: number) => {
          runs.decode += 1;
          clock += length / 10;
        },
      },
    } as unknown as LatencyContext;
    const weights = {
      prepare: async (step: { half: string; kvHeads?: number }) => {
        clock += 7; // reading weights does not count
        return { kind: step.kvHeads === 0 ? 'nothing' : step.half } as ReadyHalf;
      },
    } as unknown as Parameters<typeof timeRuns>[1];
    const request = { tokens: 30, repeats: 4, warmUp: 2 };
    const { signal } = unattended;
    let done = 0;
    expect(await timeRuns(context, weights, architecture, request, signal, () => (done += 1))).toEqual({
      prefillMs: new Float64Array(4).fill(9 * 30 + 1000),
      decodeMs: new Float64Array(4).fill(9 * 3 + 1000),
    });
    expect(runs).toEqual({ prefill: 6 * 9, decode: 6 * 9, head: 12 });
    expect(done).toBe(12);
  });
});

describe('the times of architectures', () => {
  it('come one set per architecture, beside losses that are the same as without, in lanes too', async () => {
    const timing = { tokens: 24, repeats: 3, warmUp: 1 };
    await withModel(
      DEMO_DIRECTORY,
      async (model) => {
        const subject = model.subject({ ranking: identityRanking(model.shape.layers) });
        const asked = [architecture, model.shape.layers];
        const [timed, plain, alone] = await Promise.all(
          [{ sequences: evaluationWindows, timing }, { sequences: evaluationWindows }, { sequences: [], timing }].map(
            async (request) => {
              const found = [];
              for await (const item of subject.observe(asked, request, unattended)) found[item.index] = item;
              return found;
            },
          ),
        );
        expect(timed?.map(({ losses }) => losses)).toEqual(plain?.map(({ losses }) => losses));
        for (const item of [...(timed ?? []), ...(alone ?? [])])
          for (const times of [item.timing?.prefillMs, item.timing?.decodeMs]) {
            expect(times).toHaveLength(3);
            expect(times?.every((time) => time > 0)).toBe(true);
          }
        expect(alone).toHaveLength(2);
      },
      { threads: 2 },
    );
  });

  it('grow with the prompt', async () => {
    const model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY), { threads: 1 });
    const fastest = async (tokens: number): Promise<number> => {
      const timing = { tokens, repeats: 10, warmUp: 1 };
      const subject = model.subject({ ranking: identityRanking(model.shape.layers) });
      for await (const item of subject.observe([model.shape.layers], { sequences: [], timing }, unattended))
        return Math.min(...(item.timing?.prefillMs ?? []));
      return Number.NaN;
    };
    expect(await fastest(500)).toBeGreaterThan(4 * (await fastest(10)));
    await model.close();
  });

  it('are refused within a budget that does not hold their keys and values', async () => {
    await withModel(
      DEMO_DIRECTORY,
      async (model) => {
        const timing = { tokens: 1_000_000, repeats: 1, warmUp: 0 };
        const subject = model.subject({ ranking: identityRanking(model.shape.layers) });
        const times = subject.observe([model.shape.layers], { sequences: [], timing }, unattended);
        await expect(times[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'MEMORY_EXCEEDED' });
      },
      { memoryBudgetBytes: 2 ** 28 },
    );
  });
});
