import { scoreFrom } from '../../src/core/sequence.js';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Architecture } from '../../src/core/model/shape.js';
import { identityRanking, rankKeptFirst } from '../../src/core/model/units.js';
import type { WorkProgress } from '../../src/core/ports/work-context.js';
import { openCheckpoint } from '../../src/engine/checkpoint/open-checkpoint.js';
import type { LanguageModel } from '../../src/engine/language-model.js';
import none from '../../src/plugins/compensations/none.js';
import magnitude from '../../src/plugins/criteria/magnitude.js';
import {
  architectureOfReference,
  CRITERIA,
  evaluationWindows,
  keptUnitsOf,
  perplexityOf,
} from '../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../support/demo-model.js';
import { findLeastBudget } from '../support/least-budget.js';
import { openLanguageModel } from '../../src/engine/open-language-model.js';

const execFileAsync = promisify(execFile);
const PREDICTIONS = 32 * 127;
const NONE_MODULE = new URL('../../src/plugins/compensations/none.js', import.meta.url);

let model: LanguageModel;
beforeAll(async () => {
  model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY));
});
afterAll(() => model.close());

/** Losses of each architecture under one recipe, in the order asked for. */
async function collectLosses(
  of: LanguageModel,
  architectures: readonly Architecture[],
  recipe = { ranking: identityRanking(of.shape.layers) },
): Promise<Float64Array[]> {
  const found: Float64Array[] = [];
  for await (const { index, losses } of of
    .subject(recipe)
    .observe(architectures, { sequences: evaluationWindows }, unattended))
    found[index] = losses;
  return found;
}

const varied: Architecture[] = [
  [4, 2, 172, 4, 2, 172, 4, 2, 172, 4, 2, 172, 4, 2, 172],
  [4, 2, 172, 4, 2, 172, 4, 2, 172, 4, 2, 172, 4, 2, 90],
  [4, 2, 172, 4, 2, 172, 4, 2, 172, 3, 1, 172, 4, 2, 172],
  [4, 2, 172, 4, 2, 100, 4, 1, 172, 0, 0, 172, 4, 2, 172],
  [4, 2, 172, 4, 2, 100, 4, 1, 172, 0, 0, 0, 4, 2, 172],
  [4, 2, 172, 4, 2, 100, 4, 1, 172, 0, 0, 0, 0, 0, 0],
  [1, 1, 1, 4, 2, 172, 4, 2, 172, 4, 2, 172, 4, 2, 172],
].map((counts) =>
  Array.from({ length: 5 }, (_, layer) => ({
    kvHeads: counts[3 * layer] ?? 0,
    queryHeadsPerKv: counts[3 * layer + 1] ?? 0,
    ffnChannels: counts[3 * layer + 2] ?? 0,
  })),
);

describe('LanguageModel.subject', () => {
  it.each(CRITERIA.pruned.map((pruned) => ({ ...pruned, title: `${pruned.name} by ${pruned.criterion}` })))(
    'gives the perplexity of the cut model: $title',
    async (pruned) => {
      const kept = keptUnitsOf(pruned);
      const [losses = new Float64Array()] = await collectLosses(model, [architectureOfReference(pruned)], {
        ranking: rankKeptFirst(kept, model.shape.layers),
      });
      const perplexity = perplexityOf(losses, PREDICTIONS);
      expect(Math.abs(perplexity / pruned.perplexity - 1)).toBeLessThan(1e-3);
    },
  );

  it('counts the tokens that are the most likely ones by the logits', async () => {
    const recipe = { ranking: identityRanking(model.shape.layers) };
    for (const architecture of varied.slice(2, 4)) {
      const windows = evaluationWindows.slice(0, 4).map(({ tokens }) => scoreFrom(tokens, 5));
      const expected = await Promise.all(
        windows.map(async ({ tokens }) => {
          const logits = await model.logits(tokens, { architecture, recipe });
          const width = logits.length / tokens.length;
          const isMost = (position: number): boolean => {
            const row = logits.subarray((position - 1) * width, position * width);
            return row.every((logit) => logit <= (row[tokens[position] ?? -1] ?? Number.NaN));
          };
          return [...tokens.keys()].filter((position) => position >= 5 && isMost(position)).length;
        }),
      );
      for await (const { hits } of model.subject(recipe).observe([architecture], { sequences: windows }, unattended))
        expect([...hits]).toEqual(expected);
      expect(Math.min(...expected)).toBeGreaterThan(10);
    }
  });

  it('scores each span of a sequence as a sequence of its own would, and nothing between them', async () => {
    const { tokens = new Int32Array() } = evaluationWindows[0] ?? {};
    const spans = [
      { from: 1, to: 4 },
      { from: 20, to: 21 },
      { from: 21, to: 50 },
    ];
    const apart = spans.map((span) => ({ tokens: tokens.slice(0, span.to), spans: [span] }));
    const found: Float64Array[] = [];
    for (const sequences of [[{ tokens, spans }], apart])
      for await (const { losses } of model
        .subject({ ranking: identityRanking(model.shape.layers) })
        .observe([model.shape.layers], { sequences }, unattended))
        found.push(losses);
    const [together = new Float64Array(), alone = new Float64Array()] = found;
    expect(together).toHaveLength(3);
    for (const [span, loss] of together.entries()) expect(Math.abs(loss / (alone[span] ?? NaN) - 1)).toBeLessThan(1e-5);
  });

  it('gives bit for bit the same losses whether architectures come together or one by one', async () => {
    const together = await collectLosses(model, varied);
    for (const [index, architecture] of varied.entries()) {
      const [alone] = await collectLosses(model, [architecture]);
      expect(alone).toEqual(together[index]);
    }
  });

  it('gives a window the sum of what its tokens lose after each prefix alone, whatever runs beside it', async () => {
    const tokens = evaluationWindows.slice(0, 2).flatMap((window) => [...window.tokens]);
    const whole = Int32Array.from(tokens.slice(0, 150));
    const prefixes = Array.from({ length: whole.length - 1 }, (_, index) =>
      scoreFrom(whole.subarray(0, index + 2), index + 1),
    );
    const beside = evaluationWindows.slice(0, 3);
    const subject = model.subject({ ranking: identityRanking(model.shape.layers) });
    const losses: number[] = [];
    for await (const { losses: own } of subject.observe(
      [model.shape.layers],
      { sequences: [...prefixes, scoreFrom(whole), ...beside], prefixes: 'apart' },
      unattended,
    ))
      losses.push(...own);
    const sum = losses.slice(0, prefixes.length).reduce((total, loss) => total + loss, 0);
    expect(Math.abs((losses[prefixes.length] ?? NaN) / sum - 1)).toBeLessThan(1e-6);
  });

  it('gives the same losses if layers are streamed, a few states at a time', async () => {
    const together = await collectLosses(model, varied);
    // The smallest budget: one layer, and the hidden states of one batch.
    const memoryBudgetBytes = findLeastBudget(model.shape, { longest: 128 });
    await expect(
      withModel(DEMO_DIRECTORY, (small) => collectLosses(small, varied), { memoryBudgetBytes: memoryBudgetBytes - 1 }),
    ).rejects.toMatchObject({ reason: 'MEMORY_EXCEEDED' });
    const streamed = await withModel(DEMO_DIRECTORY, (small) => collectLosses(small, varied), { memoryBudgetBytes });
    expect(streamed).toEqual(together);
  });

  it('keeps heads of the highest rank within each group', async () => {
    // Swapping the heads of every group in the ranking and keeping both changes only the order of sums.
    const swapped = identityRanking(model.shape.layers).map((layer) => ({
      ...layer,
      queryHeads: layer.queryHeads.map((heads) => [...heads].reverse()),
    }));
    const [dense = new Float64Array()] = await collectLosses(model, [model.shape.layers]);
    const [reordered = new Float64Array()] = await collectLosses(model, [model.shape.layers], { ranking: swapped });
    expect(perplexityOf(reordered, PREDICTIONS)).toBeCloseTo(perplexityOf(dense, PREDICTIONS), 4);
    const single: Architecture = model.shape.layers.map((layer) => ({ ...layer, queryHeadsPerKv: 1 }));
    const [first] = await collectLosses(model, [single]);
    const [second] = await collectLosses(model, [single], { ranking: swapped });
    expect(first).not.toEqual(second);
  });

  it('changes nothing with compensation "none"', async () => {
    const ranking = identityRanking(model.shape.layers);
    const compensated = { ranking, compensation: { plugin: none, options: {}, moduleUrl: NONE_MODULE } };
    expect(await collectLosses(model, varied, compensated)).toEqual(await collectLosses(model, varied));
  });

  it('reports tokens up to the total', async () => {
    const reports: WorkProgress[] = [];
    const total = varied.length * 32 * 128;
    for await (const _ of model
      .subject({ ranking: identityRanking(model.shape.layers) })
      .observe(
        varied,
        { sequences: evaluationWindows },
        { ...unattended, report: (progress) => reports.push(progress) },
      )) {
      /* Reads to the end. */
    }
    expect(reports.at(-1)).toEqual({ what: 'tokens', done: total, total, known: varied.length * 32 });
  });

  it('ends with the reason of its signal, and the model stays usable', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const endless = Array.from(
      { length: 200 },
      (_, index) => varied[0]?.map((layer) => ({ ...layer, ffnChannels: 172 - (index % 172) })) ?? [],
    );
    const evaluation = (async () => {
      for await (const _ of model
        .subject({ ranking: identityRanking(model.shape.layers) })
        .observe(endless, { sequences: evaluationWindows }, { signal: controller.signal }))
        controller.abort(reason);
    })();
    await expect(evaluation).rejects.toBe(reason);
    expect(await collectLosses(model, varied.slice(0, 1))).toHaveLength(1);
  });

  it('refuses an architecture with too many heads, naming the field', async () => {
    const tooMany: Architecture = model.shape.layers.map((layer, index) =>
      index === 1 ? { ...layer, kvHeads: 5 } : layer,
    );
    await expect(collectLosses(model, [tooMany])).rejects.toMatchObject({
      reason: 'ARCHITECTURE_INVALID',
      violations: [{ field: 'architectures[0].layers[1].kv_heads' }],
    });
  });

  it('refuses a token outside the vocabulary', async () => {
    const windows = [scoreFrom(Int32Array.of(1, 512, 3))];
    const subject = model.subject({ ranking: identityRanking(model.shape.layers) });
    const losses = subject.observe([model.shape.layers], { sequences: windows }, unattended);
    await expect(losses[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'INVALID_REQUEST' });
  });
});

describe('openLanguageModel', () => {
  it('refuses a memory budget in which no layer fits', async () => {
    const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
    await expect(openLanguageModel(checkpoint, { memoryBudgetBytes: 1_000_000 })).rejects.toMatchObject({
      reason: 'MEMORY_EXCEEDED',
      metadata: { budget_bytes: '1000000' },
    });
    await checkpoint.close();
  });

  it('refuses calls after it was closed', async () => {
    const closed = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY));
    await closed.close();
    await expect(closed.logits(Int32Array.of(1, 2))).rejects.toMatchObject({ reason: 'SERVER_STOPPING' });
  });

  it('cancels the calls under way when it is closed', async () => {
    const closed = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY));
    const endless = Array.from(
      { length: 170 },
      (_, index): Architecture => closed.shape.layers.map((layer) => ({ ...layer, ffnChannels: 172 - index })),
    );
    const evaluation = collectLosses(closed, endless).catch((error: unknown) => error);
    await closed.close();
    expect(await evaluation).toMatchObject({ reason: 'SERVER_STOPPING' });
  });

  it('lets the process end with its own exit code in the middle of a run', async () => {
    const exited = execFileAsync(process.execPath, [
      resolve(import.meta.dirname, '../fixtures/exit-during-run.mjs'),
      DEMO_DIRECTORY,
    ]).then(
      () => 0,
      (error: { code: number }) => error.code,
    );
    expect(await exited).toBe(7);
  });

  it('keeps the event loop free while it works', async () => {
    const before = performance.eventLoopUtilization();
    await collectLosses(model, varied);
    await model.scoreUnits({
      criterion: magnitude,
      options: { norm: 'l2' },
      moduleUrl: new URL('../../src/plugins/criteria/magnitude.js', import.meta.url),
      seed: 0,
      work: unattended,
    });
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5); // 1 if the work were done here
  });
});
