import { cp, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createClient,
  type Calibration,
  type DeepPartial,
  type JobEvent,
  type PruneRequest,
  RecoveryEnd,
} from '../../../src/client/index.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { startServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import { DEMO, demoLayers, REFERENCE_TEXT, refusalOf, startVerbServer, type VerbServer } from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

/** Stories, not those of the reference text. */
const CALIBRATION: DeepPartial<Calibration> = {
  text: { source: { $case: 'path', value: join(DEMO, 'stories.json') } },
  sequences: 64,
};

/** Half of the channels gone, one half of a layer too. */
const HALVED = demoLayers([
  [4, 86],
  [4, 86],
  [0, 86],
  [3, 86],
  [4, 86],
]);

const pruneInto = (output: string, more: DeepPartial<PruneRequest> = {}): DeepPartial<PruneRequest> => ({
  model: DEMO,
  recipe: { calibration: CALIBRATION },
  selection: { $case: 'architecture', value: { layers: HALVED } },
  output,
  ...more,
});

/** The tokens of a step. */
const STEP_TOKENS = 8 * 128;

/** How many tokens training has come to by this event; 0 if it tells of something else. */
const trainedTokens = ({ payload }: JobEvent): number =>
  payload?.$case === 'progress' && payload.value.activity.startsWith('recovering (loss')
    ? Number(payload.value.done)
    : 0;

const DISTILL: DeepPartial<PruneRequest>['recovery'] = {
  text: { ...CALIBRATION, sequences: 200 },
  plugin: { id: 'distill', options: { learning_rate: 0.003, warm_up_steps: 5, passes: 2, checks: 3 } },
};

/** When the state of the training under way was saved last; 0 if it was not yet. */
async function readSaveTime(folder: string): Promise<number> {
  const scratch = join(folder, 'state', 'scratch');
  const names = await readdir(scratch, { recursive: true });
  const states = names.filter((name) => name.endsWith('state.arrays'));
  const times = await Promise.all(states.map(async (name) => (await stat(join(scratch, name))).mtimeMs));
  return Math.max(0, ...times);
}

async function measure(model: string): Promise<number> {
  const [result] = await verbs.client.runEvaluate({
    model,
    recipe: { criterion: { id: 'magnitude' }, compensation: { id: 'none' } },
    measurement: { text: REFERENCE_TEXT },
    fidelity: { tokenLimit: 2048n },
  });
  return result?.metrics['perplexity'] ?? NaN;
}

/** A training on 30 sequences, in steps of four; two more are held out. */
async function trainBriefly(options: Record<string, number>, output: string) {
  const plugin = { id: 'distill', options: { sequences_per_step: 4, checks: 1, ...options } };
  const recovery = { plugin, text: { ...CALIBRATION, sequences: 32 } };
  return (await verbs.client.runPrune(pruneInto(output, { recovery }))).recovery;
}

describe('Prune with a recovery', () => {
  it.each([
    ['least-squares', { fit: 'stream' }],
    ['affine', {}],
  ])(
    'writes a model that has won back a third of what pruning lost, after %s %o',
    { timeout: 240_000 },
    async (id, options) => {
      const recipe = { compensation: { id, options }, calibration: CALIBRATION };
      const name = `${id}-${JSON.stringify(options).replaceAll(/\W/g, '')}`;
      await verbs.client.runPrune(pruneInto(`plain-${name}`, { recipe }));
      const result = await verbs.client.runPrune(pruneInto(`trained-${name}`, { recipe, recovery: DISTILL }));
      const [dense, plain, trained] = [
        await measure(DEMO),
        await measure(`plain-${name}`),
        await measure(`trained-${name}`),
      ];
      expect(plain - trained).toBeGreaterThan((plain - dense) / 3);
      expect(result.recovery).toMatchObject({ plugin: 'distill', ended: RecoveryEnd.FINISHED });
      const manifest = JSON.parse(
        await readFile(verbs.path('outputs', `trained-${name}`, 'prunecast.json'), 'utf8'),
      ) as Record<string, unknown>;
      expect(manifest['recovery']).toMatchObject({
        plugin: { id: 'distill', options: { passes: 2 } },
        steps: Number(result.recovery?.steps),
      });
    },
  );

  it('does not take a trained output for an untrained one when its manifest is named, and trains its units anew', {
    timeout: 120_000,
  }, async () => {
    const recovery = { ...DISTILL, text: { ...CALIBRATION, sequences: 32 } };
    await verbs.client.runPrune(pruneInto('once', { recovery }));
    const path = (output: string, file: string): string => verbs.path('outputs', output, file);
    const manifest = JSON.parse(await readFile(path('once', 'prunecast.json'), 'utf8')) as Record<string, unknown>;
    for (const [name, target] of [
      ['manifest', { $case: 'manifest', value: manifest }],
      ['earlier_output', { $case: 'earlierOutput', value: 'once' }],
    ] as const) {
      const targets = [{ target }];
      expect(await refusalOf(verbs, () => verbs.client.runEvaluate({ model: DEMO, targets }))).toMatchObject({
        reason: 'INVALID_REQUEST',
        fields: [`targets[0].${name}.recovery`],
        message: expect.stringContaining('evaluate the output itself') as string,
      });
      const again = { model: DEMO, selection: target, output: `again-${name}` };
      expect(await refusalOf(verbs, () => verbs.client.runPrune(again))).toMatchObject({
        reason: 'INVALID_REQUEST',
        fields: [`${name}.recovery`],
      });
      await verbs.client.runPrune({ ...again, recovery });
      const [first, second] = await Promise.all(
        ['once', again.output].map((output) => readFile(path(output, 'model.safetensors'))),
      );
      expect(second?.equals(first ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('says how often each sequence was used, and that the time allowed no more', { timeout: 60_000 }, async () => {
    expect(await trainBriefly({ passes: 0.4 }, 'all-passes')).toMatchObject({
      steps: 3n,
      ended: RecoveryEnd.FINISHED,
      passes: 12 / 30,
      askedPasses: 0.4,
    });
    const cut = await trainBriefly({ passes: 100, minutes: 1e-6 }, 'cut-passes');
    expect(cut).toMatchObject({ ended: RecoveryEnd.OUT_OF_TIME, askedPasses: 100 });
    expect(cut?.passes).toBe((4 * Number(cut?.steps)) / 30);
  });

  it('says in a plan how many tokens training takes', async () => {
    const { plan } = await verbs.client.services.pruning.planPrune(
      pruneInto('', {
        recovery: {
          plugin: { id: 'distill', options: { passes: 2, minutes: 3 } },
          text: { ...CALIBRATION, sequences: 32 },
        },
      }),
    );
    const phase = plan?.phases.find(({ name }) => name === 'recover');
    expect(phase?.tokens).toBe(BigInt(2 * 32 * 128 * (15 / 16)));
  });

  it.each([
    ['', {}, 4 + 2 * 12, 0],
    [' with factors of rank 2', { rank: 2 }, 3 * 4, 2 * 12],
  ])('says in a plan how much disk the files of the training take%s', async (_, options, perWeight, perFactor) => {
    const [plain, trained] = await Promise.all(
      [{}, { ...DISTILL, plugin: { id: 'distill', options } }].map(async (recovery) => {
        const { plan } = await verbs.client.services.pruning.planPrune(pruneInto('', { recovery }));
        return Number(plan?.diskBytes);
      }),
    );
    const more = (trained ?? NaN) - (plain ?? NaN);
    // Hidden 64, heads of 8, two query heads for each of kv: q and o are [16 kv, 64], k and v [8 kv, 64].
    const matrices = HALVED.flatMap(({ kvHeads, ffnChannels }) => [
      ...[16, 16, 8, 8].map((rows) => rows * kvHeads),
      ffnChannels,
      ffnChannels,
      ffnChannels,
    ]).filter((rows) => rows > 0);
    const weights = matrices.reduce((sum, rows) => sum + 64 * rows, 0);
    const factors = matrices.reduce((sum, rows) => sum + 2 * (64 + rows), 0);
    expect(Math.abs(more / (perWeight * weights + perFactor * factors) - 1)).toBeLessThan(0.01);
  });

  it('counts no more than 64 sequences as held out', async () => {
    const { plan } = await verbs.client.services.pruning.planPrune(
      pruneInto('', {
        recovery: { plugin: { id: 'distill' }, text: { ...CALIBRATION, sequences: 1280, sequenceTokens: 16 } },
      }),
    );
    const phase = plan?.phases.find(({ name }) => name === 'recover');
    expect(phase?.tokens).toBe(BigInt((1280 - 64) * 16));
  });

  it.each([
    ['a text for nothing', { plugin: { id: 'none' }, text: CALIBRATION }, 'recovery.text'],
    ['a text of one sequence', { plugin: { id: 'distill' }, text: { ...CALIBRATION, sequences: 1 } }, 'recovery.text'],
    ['an unknown option', { plugin: { id: 'distill', options: { speed: 1 } } }, 'recovery.plugin.options'],
  ])('refuses %s', async (_, recovery, field) => {
    const refusal = await refusalOf(verbs, () => verbs.client.runPrune(pruneInto('refused', { recovery })));
    expect(refusal.fields[0]).toContain(field);
  });

  it('ends within 2 seconds when it is cancelled while it trains, and leaves nothing behind', async () => {
    const recovery = { ...DISTILL, plugin: { id: 'distill', options: { passes: 100, checks: 50 } } };
    const { jobs } = verbs.client.services;
    let cancelledMs = NaN;
    const cancelInTraining = async (): Promise<void> => {
      for await (const event of verbs.client.prune(pruneInto('cancelled', { recovery }))) {
        if (trainedTokens(event) === 0 || !Number.isNaN(cancelledMs)) continue;
        cancelledMs = performance.now();
        await jobs.cancelJob({ jobId: event.jobId });
      }
    };
    await expect(cancelInTraining()).rejects.toThrow('cancelled');
    expect(performance.now() - cancelledMs).toBeLessThan(2000);
    expect(await readdir(verbs.path('outputs'))).not.toContain('cancelled');
    const scratch = await readdir(verbs.path('state', 'scratch'));
    expect(scratch.filter((name) => name.startsWith('recovery-'))).toEqual([]);
  });

  it('goes on with its training after a kill, and writes what an undisturbed job writes', {
    timeout: 300_000,
  }, async () => {
    const folder = await makeFolder();
    try {
      await mkdir(join(folder, 'texts', DEMO), { recursive: true });
      await cp(join(DEMO_DIRECTORY, 'stories.json'), join(folder, 'texts', DEMO, 'stories.json'));
      const recovery = {
        text: { ...CALIBRATION, sequences: 96 },
        plugin: { id: 'distill', options: { learning_rate: 0.003, warm_up_steps: 5, passes: 8, checks: 3 } },
      };
      const request = pruneInto('trained', { recovery, requestId: 'one' });
      const first = await startServerChild(folder);
      const client = createClient({ address: first.address });
      let seen = 0n;
      const saves = new Set<number>();
      const events = client.prune(request, { reattach: { giveUpAfterMs: 0, giveUpStartAfterMs: 0 } });
      try {
        for await (const event of events) {
          seen = event.sequence;
          if (trainedTokens(event) > 0) saves.add(await readSaveTime(folder));
          if (saves.size > 3) break;
        }
      } finally {
        await first.signal('SIGKILL');
        client.close();
      }
      expect(saves.size).toBeGreaterThan(3);
      expect(await readdir(join(folder, 'outputs'))).not.toContain('trained');
      const second = await startServerChild(folder);
      const again = createClient({ address: second.address });
      const trained: number[] = [];
      for await (const event of again.prune(request)) if (event.sequence > seen) trained.push(trainedTokens(event));
      // It goes on from a later state than the first, which was saved after one step.
      expect(Math.min(...trained.filter((tokens) => tokens > 0))).toBeGreaterThan(2 * STEP_TOKENS);
      await again.runPrune(pruneInto('undisturbed', { recovery }));
      again.close();
      await second.signal('SIGKILL');
      const [resumed, whole] = await Promise.all(
        ['trained', 'undisturbed'].map((output) => readFile(join(folder, 'outputs', output, 'model.safetensors'))),
      );
      expect(resumed?.equals(whole ?? Buffer.alloc(0))).toBe(true);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
