import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetKind, type DeepPartial, type MeasurementSpec, type Plan } from '../../../src/client/index.js';
import {
  CALIBRATION,
  DEMO,
  MAGNITUDE,
  REFERENCE_TEXT,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

function planEvaluation(tokenLimit: bigint): Promise<Plan> {
  return verbs.client.planEvaluate({ model: DEMO, measurement: { text: REFERENCE_TEXT }, fidelity: { tokenLimit } });
}

/** The memory of measuring the unpruned model. */
async function planMemory(
  evaluator: NonNullable<DeepPartial<MeasurementSpec>['evaluator']>,
  text?: typeof REFERENCE_TEXT,
): Promise<number> {
  const { peakMemoryBytes } = await verbs.client.planEvaluate({
    model: DEMO,
    targets: [{ target: { $case: 'dense', value: {} } }],
    measurement: { evaluator, ...(text && { text }) },
  });
  return Number(peakMemoryBytes);
}

/** Seconds by phase. */
async function timePruning(
  selection: Parameters<typeof verbs.client.planPrune>[0]['selection'],
): Promise<Record<string, number>> {
  const { phases } = await verbs.client.planPrune({
    model: DEMO,
    recipe: { criterion: { id: 'wanda' }, compensation: { id: 'least-squares' }, calibration: CALIBRATION },
    selection,
  });
  return Object.fromEntries(phases.map(({ name, estimatedSeconds = NaN }) => [name, estimatedSeconds]));
}

describe('a plan', () => {
  it('of Evaluate states tokens, the time they take at the pace of this server, and memory', async () => {
    const [short, long] = [await planEvaluation(512n), await planEvaluation(2048n)];
    expect(short).toMatchObject({ trials: 1n, tokens: 512n });
    expect(long.tokens).toBe(2048n);
    expect(short.estimatedSeconds).toBeGreaterThan(0);
    expect((long.estimatedSeconds ?? NaN) / (short.estimatedSeconds ?? NaN)).toBeCloseTo(4, 6);
    expect(short.peakMemoryBytes).toBeGreaterThan(1_000_000n);
    expect(short.peakMemoryBytes).toBeLessThan(2n ** 32n);
  });

  it('of Evaluate states the memory of comparing, and of the context that is timed', async () => {
    const weightBytes = 4 * 260_032;
    expect(await planMemory({ id: 'kl-divergence' }, REFERENCE_TEXT)).toBeGreaterThan(
      weightBytes + (await planMemory({ id: 'perplexity' }, REFERENCE_TEXT)),
    );
    // Keys and values of a layer: 2 times 4 heads of 8 numbers in float32 for each token, in four copies.
    const time = (tokens: number) => planMemory({ id: 'latency', options: { tokens } });
    expect((await time(500)) - (await time(300))).toBeGreaterThanOrEqual(200 * 4 * 2 * 4 * 8 * 4);
  });

  it('of Prune states the calibration and the range of each budget', async () => {
    const plan = await verbs.client.planPrune({
      model: DEMO,
      recipe: { criterion: { id: 'wanda' }, compensation: { id: 'none' }, calibration: CALIBRATION },
      selection: {
        $case: 'budgets',
        value: {
          budgets: [
            { limit: { $case: 'removedShare', value: 0.2 } },
            { kind: BudgetKind.KV_CACHE_BYTES_PER_TOKEN, limit: { $case: 'removedShare', value: 0.2 } },
          ],
        },
      },
      output: 'planned',
    });
    expect(plan.tokens).toBe(16n * 128n);
    expect(plan.estimatedSeconds).toBeGreaterThan(0);
    expect(plan.peakMemoryBytes).toBeGreaterThan(1_000_000n);
    expect(plan.feasible.map(({ kind, most }) => [kind, most])).toEqual([
      [BudgetKind.PARAMETERS, 260_032],
      [BudgetKind.KV_CACHE_BYTES_PER_TOKEN, 5 * 2 * 4 * 8 * 2],
    ]);
    expect(plan.architectures).toHaveLength(1);
    const unread = await verbs.client.planPrune({
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'uniformRate', value: 0.2 },
      output: 'planned',
    });
    expect(unread).toMatchObject({ tokens: 0n, phases: [{ name: 'export' }], feasible: [] });
    expect(unread.estimatedSeconds).toBeLessThan(1);
  });

  it('of Prune counts what measures calibration errors, where budgets are shared by them', async () => {
    const shared = await timePruning({
      $case: 'budgets',
      value: { budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }] },
    });
    const uniform = await timePruning({ $case: 'uniformRate', value: 0.5 });
    // The factorisations, once: 5 layers of 64 and 172 rows, at less than 100 billion operations a second.
    expect(shared['allocate']).toBeGreaterThan((5 * (2 / 3) * (64 ** 3 + 172 ** 3)) / 1e11);
    expect(uniform).not.toHaveProperty('allocate');
    expect(shared['compensate']).toBeLessThan(uniform['compensate'] ?? NaN);
  });

  it('of Prune needs no output, which Prune itself does', async () => {
    const request: Parameters<typeof verbs.client.planPrune>[0] = {
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'uniformRate', value: 0.2 },
    };
    const { architectures, loadsIn } = await verbs.client.planPrune(request);
    expect(architectures).toHaveLength(1);
    expect(loadsIn).toContain('transformers');
    await expect(verbs.client.runPrune(request)).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'output' }],
    });
  });

  it('of Search gives options without a plug-in to the default one, for a front to the strategy for fronts', async () => {
    expect((await planFront({ population: 20 })).trials).toBeGreaterThan(0n);
    await expect(planFront({ no_such: 1 })).rejects.toMatchObject({
      reason: 'INVALID_OPTIONS',
      metadata: { id: 'nsga2' },
    });
  });

  it('of Search states trials, tokens, time, memory, and the range of each budget', async () => {
    const plan = await verbs.client.planSearch(
      smallSearch({
        output: 'planned',
        budgets: [
          { limit: { $case: 'removedShare', value: 0.2 } },
          { kind: BudgetKind.FLOPS_PER_TOKEN, limit: { $case: 'removedShare', value: 0.1 } },
        ],
      }),
    );
    expect(plan.trials).toBeGreaterThan(24n);
    expect(plan.tokens).toBeGreaterThan(24n * 256n);
    expect(plan.estimatedSeconds).toBeGreaterThan(0);
    expect(plan.peakMemoryBytes).toBeGreaterThan(1_000_000n);
    expect(plan.feasible).toHaveLength(2);
    for (const { least, most } of plan.feasible) expect(least).toBeLessThan(most);
    expect(plan.loadsIn).not.toEqual([]);
    expect((await verbs.client.services.jobs.listJobs({})).jobs).toEqual([]);
  });
});

/** The plan of a search for a front, with options for whatever strategy the server takes for it. */
function planFront(options: Record<string, unknown>) {
  return verbs.client.planSearch(
    smallSearch({
      budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
      objectives: [{ metric: 'perplexity' }, { metric: 'parameters' }],
      strategy: { options },
      controls: [],
    }),
  );
}
