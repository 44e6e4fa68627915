import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetKind, TrialRole, type Cost, type LayerArchitecture } from '../../../src/client/index.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import type { LanguageModel } from '../../../src/engine/language-model.js';
import { createLatencyTableFiles } from '../../../src/server/adapters/files/latency-table-files.js';
import { createLatencyTables } from '../../../src/server/latency/latency-tables.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { makeFolder } from '../../support/test-server.js';
import {
  DEMO,
  listTrials,
  MAGNITUDE,
  refusalOf,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

/** As if this machine had taken, in microseconds: 10 outside, 4 a key-value head (half of it with one query head) and 0.1 a channel, 1 for either half at all. */
const timed = (count: number, microseconds: number) => ({ count, picoseconds: microseconds * 1e6 });
const TABLE = {
  context: 32,
  step: 50_000,
  fixed: 10e6,
  attention: [1, 2].map((queryHeadsPerKv) => ({
    queryHeadsPerKv,
    times: [timed(1, 1 + 2 * queryHeadsPerKv), timed(4, 1 + 8 * queryHeadsPerKv)],
  })),
  ffn: [timed(1, 1.1), timed(172, 18.2)],
};
const milliseconds = (layers: readonly LayerArchitecture[] = []): number =>
  layers.reduce(
    (sum, { kvHeads, queryHeadsPerKv, ffnChannels }) => sum + 1 + 2 * queryHeadsPerKv * kvHeads + 1 + 0.1 * ffnChannels,
    10,
  ) / 1000;
const DENSE_MS = (10 + 5 * (17 + 18.2)) / 1000;

let folder: string;
let verbs: VerbServer;
beforeAll(async () => {
  folder = await makeFolder();
  // A table as an earlier server left it: real times of so small a model are those of calls, whatever its shape.
  const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
  const tables = createLatencyTables(createLatencyTableFiles(join(folder, 'state', 'latencies')), 1);
  await tables.find(
    {
      shape: checkpoint.shape,
      checkpoint,
      requireMemory: () => undefined,
      timeShapes: async () => TABLE,
    } as unknown as LanguageModel,
    32,
  ); // nothing else of it is asked
  await checkpoint.close();
  verbs = await startVerbServer({ folder, config: { threads: 1, stateDirectory: join(folder, 'state') } });
});
afterAll(async () => {
  await verbs[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const budget = (share: number, contextTokens = 32) =>
  ({ kind: BudgetKind.LATENCY_MS, contextTokens, limit: { $case: 'removedShare', value: share } }) as const;
const latencyOf = (costs: readonly Cost[] | undefined): Cost | undefined =>
  costs?.find(({ kind }) => kind === BudgetKind.LATENCY_MS);

/** The unpruned latency of a context that was not measured before. */
async function askMost(): Promise<number> {
  const { feasible } = await verbs.client.planSearch(
    smallSearch({ budgets: [{ ...budget(0.2, 7), limit: { $case: 'atMost', value: 1e6 } }] }),
  );
  return feasible[0]?.most ?? NaN;
}

describe('a latency budget', () => {
  it('is met by the table of this server in candidates, controls and winner, with the measured time of the winner', async () => {
    const limit = 0.8 * DENSE_MS;
    const report = await verbs.client.runSearch(
      smallSearch({ budgets: [budget(0.2), { limit: { $case: 'removedShare', value: 0.1 } }] }),
    );
    const winner = latencyOf(report.winner?.costs);
    expect(winner?.denseValue).toBeCloseTo(DENSE_MS, 4);
    expect(winner?.value).toBeCloseTo(milliseconds(report.winner?.architecture?.layers), 3);
    expect(winner?.value).toBeLessThanOrEqual(limit + 1e-9);
    expect(winner?.value).toBeGreaterThan(limit - 0.006 * DENSE_MS);
    expect(winner?.measured).toBeGreaterThan(0);
    expect(Number(report.winner?.parameters)).toBeLessThanOrEqual(0.9 * 260_032);
    for (const { costs } of report.controls) expect(latencyOf(costs)?.value).toBeLessThanOrEqual(limit + 1e-9);
    // A tenth of what is to go, either way: no pair is slower.
    const pairs = (await listTrials(verbs.client, report.studyId)).filter(({ role }) => role === TrialRole.PAIR);
    expect(pairs.length).toBeGreaterThan(10);
    for (const { architecture } of pairs) expect(milliseconds(architecture?.layers) / DENSE_MS).toBeLessThan(0.821);
  });

  it('has its feasible range reported in milliseconds, with the smallest shape of the space', async () => {
    const { feasible: ranges } = await verbs.client.planSearch(smallSearch({ budgets: [budget(0.2)] }));
    expect(ranges).toHaveLength(1);
    expect(ranges[0]?.most).toBeCloseTo(DENSE_MS, 4);
    expect(ranges[0]?.least).toBeCloseTo(
      milliseconds(Array.from({ length: 5 }, () => ({ kvHeads: 2, queryHeadsPerKv: 2, ffnChannels: 86 }))),
      3,
    );
  });

  it('is shared out by Prune, and refused in milliseconds where no shape is as fast', async () => {
    const written = await verbs.client.runPrune({
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'budgets', value: { budgets: [budget(0.2)] } },
      output: 'fast',
    });
    expect(latencyOf(written.costs)?.value).toBeLessThanOrEqual(0.8 * DENSE_MS + 1e-9);
    expect(latencyOf(written.costs)?.measured).toBeGreaterThan(0);
    const refused = await refusalOf(verbs, () =>
      verbs.client.runSearch(smallSearch({ budgets: [{ ...budget(0.2), limit: { $case: 'atMost', value: 0.001 } }] })),
    );
    expect(refused).toMatchObject({ reason: 'BUDGET_INFEASIBLE', metadata: { budget: 'latency_ms', limit: '0.001' } });
    expect(Number(refused.metadata['nearest'])).toBeGreaterThan(0.001);
  });

  it('of more context than the model has positions is refused by its field, before any cache is made', async () => {
    const planned = (contextTokens: number) => () =>
      verbs.client.runSearch(
        smallSearch({ budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }, budget(0.2, contextTokens)] }),
      );
    // The demo model was made for 512 positions; 1,048,576 tokens took 960 MB.
    for (const context of [513, 1_048_576])
      expect(await refusalOf(verbs, planned(context))).toMatchObject({
        reason: 'INVALID_REQUEST',
        fields: ['budgets[1].context_tokens'],
        message: expect.stringContaining('512'),
      });
    expect(await refusalOf(verbs, planned(1_048_577))).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['budgets[1].context_tokens'],
      message: expect.stringContaining('0 to 1,048,576'),
    });
  });

  it('is measured where no table is there yet, once for all requests', async () => {
    const first = await askMost();
    expect(first).toBeGreaterThan(0);
    expect(await askMost()).toBe(first);
  });
});
