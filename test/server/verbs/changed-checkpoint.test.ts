import { open, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EvaluationResult } from '../../../src/client/index.js';
import type { TextEvaluator } from '../../../src/core/ports/evaluator.js';
import type { PluginEntry } from '../../../src/core/ports/plugin-entry.js';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
import { packSecondShard, SECOND_SHARD, writeShardedDemo } from '../../support/sharded-model.js';
import { demoLayers, MAGNITUDE, referenceWindows, startVerbServer, type VerbServer } from './verb-server.js';

/** What an evaluator of the test does between its first result and the next. */
let meanwhile: () => Promise<void> = async () => undefined;
let reduced = 0;
const MODULE = new URL('../../../src/plugins/evaluators/perplexity.js', import.meta.url);
const pausing: TextEvaluator<Record<string, never>> = {
  ...perplexity,
  id: 'pausing',
  plan: (...asked) => {
    const plan = perplexity.plan(...asked);
    return { ...plan, measurement: { ...plan.measurement, scorer: '{"id":"pausing","options":{}}' } };
  },
  reduce: async (...asked) => {
    if (reduced++ > 0) await meanwhile();
    return perplexity.reduce(...asked);
  },
};

const PLUGINS: readonly PluginEntry[] = [{ plugin: pausing, moduleUrl: MODULE }];

let verbs: VerbServer;
/** The perplexities of the last norm as it is, and of 1.5 times it, from a server that never saw another. */
let truth: { readonly plain: EvaluationResult; readonly scaled: EvaluationResult; readonly shorter: EvaluationResult };

beforeAll(async () => {
  verbs = await startVerbServer({ plugins: PLUGINS });
  await writeShardedDemo(verbs.path('truth', 'plain'), 1);
  await writeShardedDemo(verbs.path('truth', 'scaled'), 1.5);
  await using fresh = await startVerbServer({ config: { modelRoots: [verbs.path('truth')] } });
  truth = {
    plain: await measure('plain', {}, fresh),
    scaled: await measure('scaled', {}, fresh),
    shorter: await measure('scaled', { window: 64 }, fresh),
  };
});
afterAll(() => verbs[Symbol.asyncDispose]());

async function measure(
  model: string,
  windows: { readonly window?: number } = {},
  { client }: VerbServer = verbs,
): Promise<EvaluationResult> {
  const [result] = await client.runEvaluate({
    model,
    measurement: { text: referenceWindows(0, 4), windows: { window: 128, ...windows } },
  });
  if (result === undefined) throw new Error('nothing was measured');
  return result;
}

const perplexityOf = ({ metrics }: EvaluationResult): number => metrics['perplexity'] ?? NaN;
const inspect = async (model: string): Promise<string> =>
  (await verbs.client.services.models.inspectModel({ model })).checkpointDigest;

async function byRename(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(`${path}.tmp`, bytes);
  await rename(`${path}.tmp`, path);
}

async function inPlace(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'r+');
  await handle.write(bytes, 0, bytes.length, 0);
  await handle.close();
}

async function withTimesOfBefore(path: string, bytes: Uint8Array): Promise<void> {
  const { atime, mtime } = await stat(path);
  await inPlace(path, bytes);
  await utimes(path, atime, mtime);
}

describe('a shard that is replaced while the server runs', () => {
  it('changes the model at all', () => {
    expect(perplexityOf(truth.scaled)).not.toBeCloseTo(perplexityOf(truth.plain), 1);
    expect(truth.scaled.checkpointDigest).not.toBe(truth.plain.checkpointDigest);
  });

  it.each([
    ['by rename', byRename],
    ['in place', inPlace],
    ['in place, with size and times of before', withTimesOfBefore],
  ])('%s is what is measured from then on, under a digest of its own', async (how, replace) => {
    const name = `replaced ${how}`;
    await writeShardedDemo(verbs.path('models', name), 1);
    expect(await measure(name)).toMatchObject({
      metrics: truth.plain.metrics,
      checkpointDigest: truth.plain.checkpointDigest,
    });
    await replace(verbs.path('models', name, SECOND_SHARD), await packSecondShard(1.5));
    expect(await inspect(name)).toBe(truth.scaled.checkpointDigest);
    expect(await measure(name)).toMatchObject({
      metrics: truth.scaled.metrics,
      checkpointDigest: truth.scaled.checkpointDigest,
    });
    expect(perplexityOf(await measure(name, { window: 64 }))).toBe(perplexityOf(truth.shorter));
    // A pristine copy of what was there before is answered with its own number, which was paid for.
    await writeShardedDemo(verbs.path('models', `${name} copy`), 1);
    expect(await measure(`${name} copy`)).toMatchObject({ metrics: truth.plain.metrics, tokensSpent: 0n });
  });

  it('after its first label came from the store is not labelled under the earlier digest', async () => {
    await writeShardedDemo(verbs.path('models', 'stored'), 1);
    expect(await inspect('stored')).toBe(truth.plain.checkpointDigest);
    expect(await measure('stored')).toMatchObject({ tokensSpent: 0n }); // no weight was read
    await byRename(verbs.path('models', 'stored', SECOND_SHARD), await packSecondShard(1.5));
    expect(await measure('stored', { window: 64 })).toMatchObject({
      metrics: truth.shorter.metrics,
      checkpointDigest: truth.scaled.checkpointDigest,
    });
  });

  it('with the same contents stays the same model', async () => {
    await writeShardedDemo(verbs.path('models', 'same'), 1);
    await measure('same', { window: 32 });
    await byRename(verbs.path('models', 'same', SECOND_SHARD), await packSecondShard(1));
    expect(await measure('same', { window: 32 })).toMatchObject({
      checkpointDigest: truth.plain.checkpointDigest,
      tokensSpent: 0n,
    });
  });
});

describe('a checkpoint that changes while a job runs on it', () => {
  const targets = [4, 3, 2].map(
    (kvHeads) =>
      ({
        target: {
          $case: 'architecture',
          value: { layers: demoLayers(Array.from({ length: 5 }, () => [kvHeads, 172] as const)) },
        },
      }) as const,
  );
  const request = (model: string) => ({
    model,
    recipe: MAGNITUDE,
    targets,
    measurement: { text: referenceWindows(0, 2), evaluator: { id: 'pausing' } },
  });

  it('ends the job with MODEL_CHANGED, and what was measured after the change is not stored', async () => {
    await writeShardedDemo(verbs.path('models', 'running'), 1);
    meanwhile = async () => inPlace(verbs.path('models', 'running', SECOND_SHARD), await packSecondShard(1.5));
    await expect(verbs.client.runEvaluate(request('running'))).rejects.toMatchObject({
      code: 'ABORTED',
      reason: 'MODEL_CHANGED',
      metadata: { file: SECOND_SHARD },
    });
    meanwhile = async () => undefined;
    await writeShardedDemo(verbs.path('models', 'restored'), 1);
    const results = await verbs.client.runEvaluate(request('restored'));
    expect(results.map(({ tokensSpent }) => tokensSpent)).toEqual([0n, 256n, 256n]);
  });

  it('ends a job that waited for its turn meanwhile before any work', async () => {
    await writeShardedDemo(verbs.path('models', 'working'), 1.2);
    await writeShardedDemo(verbs.path('models', 'waiting'), 1.2);
    let resume: (() => void) | undefined;
    const paused = new Promise<void>((resolve) => {
      meanwhile = async () => {
        resolve();
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      };
    });
    const working = verbs.client.runEvaluate(request('working'));
    await paused;
    const queued = verbs.client.evaluate({ model: 'waiting', measurement: { text: referenceWindows(0, 3) } });
    const { value: first } = await queued.next();
    expect(first?.payload?.$case).toBe('queued');
    await byRename(verbs.path('models', 'waiting', SECOND_SHARD), await packSecondShard(1.5));
    meanwhile = async () => undefined;
    resume?.();
    await expect(
      (async () => {
        for await (const { payload } of queued) expect(payload?.$case).not.toBe('evaluation');
      })(),
    ).rejects.toMatchObject({ reason: 'MODEL_CHANGED' });
    expect(await working).toHaveLength(3);
  });

  it('does not resume a job after a restart with another checkpoint than its first results were measured on', async () => {
    await writeShardedDemo(verbs.path('models', 'restarted'), 0.9);
    const config = { modelRoots: [verbs.path('models')] };
    const first = await startVerbServer({ folder: verbs.path('restarted'), config, plugins: PLUGINS });
    const stopped = new Promise<void>((resolve) => {
      meanwhile = async () => {
        resolve(first[Symbol.asyncDispose]()); // the server is asked to stop while the second architecture is measured
      };
    });
    await expect(
      first.client.runEvaluate(
        { ...request('restarted'), requestId: 'restarted' },
        { signal: AbortSignal.timeout(20_000) },
      ),
    ).rejects.toBeDefined();
    await stopped;
    meanwhile = async () => undefined;
    await byRename(verbs.path('models', 'restarted', SECOND_SHARD), await packSecondShard(1.5));
    await using next = await startVerbServer({ folder: verbs.path('restarted'), config, plugins: PLUGINS });
    await expect(next.client.runEvaluate({ ...request('restarted'), requestId: 'restarted' })).rejects.toMatchObject({
      reason: 'JOB_NOT_RESUMABLE',
      metadata: { field: 'model.checkpointDigest' },
    });
  });

  it('leaves no output that was cut from two checkpoints', async () => {
    await writeShardedDemo(verbs.path('models', 'cut'), 1);
    const pruning = verbs.client.runPrune(
      { model: 'cut', recipe: MAGNITUDE, selection: { $case: 'uniformRate', value: 0.25 }, output: 'cut' },
      {
        onEvent: async ({ payload }) => {
          if (payload?.$case === 'started')
            await byRename(verbs.path('models', 'cut', SECOND_SHARD), await packSecondShard(1.5));
        },
      },
    );
    const outcome = await pruning.then(
      () => 'written',
      (error: { readonly reason: string }) => error.reason,
    );
    const digest = await readFile(verbs.path('outputs', 'cut', 'prunecast.json'), 'utf8').then(
      (text) => (JSON.parse(text) as { source: { checkpoint_digest: string } }).source.checkpoint_digest,
      () => undefined,
    );
    // The replacement may come before or after the work: never in the middle of it unseen.
    expect([
      ['MODEL_CHANGED', undefined],
      ['written', truth.plain.checkpointDigest],
    ]).toContainEqual([outcome, digest]);
  });
});
