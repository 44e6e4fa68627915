import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient, JobState, type DeepPartial, type PruneRequest } from '../../../src/client/index.js';
import { createRng } from '../../../src/core/random.js';
import { startServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import { DEMO, MAGNITUDE } from './verb-server.js';

const KILLS = 10;

const pruneTo = (number: number): DeepPartial<PruneRequest> => ({
  requestId: `prune-${number}`,
  model: DEMO,
  recipe: MAGNITUDE,
  selection: { $case: 'uniformRate', value: 0.25 },
  output: `model-${number}`,
});

let folder = '';
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Fails for an output that is there and is not all that its manifest lists. */
async function expectWholeOutputs(): Promise<string[]> {
  const outputs = (await readdir(join(folder, 'outputs')).catch(() => [])).filter((name) => !name.startsWith('.'));
  for (const output of outputs) {
    const { files } = JSON.parse(await readFile(join(folder, 'outputs', output, 'prunecast.json'), 'utf8')) as {
      readonly files: Readonly<Record<string, number>>;
    };
    const sizes = await Promise.all(
      Object.keys(files).map(async (file) => [file, (await stat(join(folder, 'outputs', output, file))).size] as const),
    );
    expect(Object.fromEntries(sizes)).toEqual(files);
    expect(Object.keys(files)).toContain('model.safetensors');
  }
  return outputs;
}

it('a server that is killed while it writes leaves no output that is there in part, and the next one writes what is missing', {
  timeout: 120_000,
}, async () => {
  const rng = createRng(8);
  const killedEarly: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await startServerChild(folder);
    const client = createClient({ address: server.address });
    if (kill > 0) await client.runPrune(pruneTo(kill - 1)); // the one that was killed: what is missing of it is written now
    const events = client.prune(pruneTo(kill), { reattach: { giveUpAfterMs: 0, giveUpStartAfterMs: 0 } });
    await events.next(); // the job is stored
    const ended = (async () => {
      for await (const _ of events);
    })().then(
      () => 'ended',
      () => 'killed',
    );
    await pause(rng.uniform() * 120);
    await server.signal('SIGKILL');
    if ((await ended) === 'killed') killedEarly.push(kill);
    client.close();
    await expectWholeOutputs();
  }
  expect(killedEarly.length).toBeGreaterThan(0);
  const server = await startServerChild(folder);
  const client = createClient({ address: server.address });
  try {
    for (let kill = 0; kill < KILLS; kill++) await client.runPrune(pruneTo(kill));
    const { jobs } = await client.services.jobs.listJobs({});
    expect(jobs.map(({ state }) => state)).toEqual(Array.from({ length: KILLS }, () => JobState.SUCCEEDED));
    expect(await expectWholeOutputs()).toHaveLength(KILLS);
    expect(await readdir(join(folder, 'outputs'))).toHaveLength(KILLS); // nothing unfinished is left
  } finally {
    client.close();
    await server.signal('SIGKILL');
  }
});
