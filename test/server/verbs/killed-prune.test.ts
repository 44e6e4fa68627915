import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createClient,
  JobState,
  type Calibration,
  type DeepPartial,
  type PruneRequest,
} from '../../../src/client/index.js';
import { createRng } from '../../../src/core/random.js';
import { CRITERIA } from '../../support/criteria-reference.js';
import { startServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import { gate } from '../jobs/scripted-jobs.js';
import { DEMO, MAGNITUDE, tokenText } from './verb-server.js';

const KILLS = 9;

/** The first servers are killed in these, the others at random moments; of trainings recovery.test.ts kills some. */
const PHASES = ['calibrate', 'compensate', 'export'];

const pruneTo = (number: number): DeepPartial<PruneRequest> => ({
  requestId: `prune-${number}`,
  model: DEMO,
  recipe: MAGNITUDE,
  selection: { $case: 'uniformRate', value: 0.25 },
  output: `model-${number}`,
});

/** Of 19,200 tokens: a phase lasts longer than its first event takes to come here, and the signal back. */
const LONG_CALIBRATION: DeepPartial<Calibration> = {
  text: tokenText(Array.from({ length: 12 }, () => CRITERIA.calibration_ids.flat()).flat()),
  sequences: 150,
  sequenceTokens: 128,
  bos: false,
};

/** With all of these. One to another rate is fitted anew. */
const pruneFitted = (rate: number, name: string): DeepPartial<PruneRequest> => ({
  ...pruneTo(0),
  requestId: name,
  selection: { $case: 'uniformRate', value: rate },
  recipe: {
    criterion: { id: 'magnitude' },
    compensation: { id: 'least-squares', options: { fit: 'stream' } },
    calibration: LONG_CALIBRATION,
  },
  output: name,
});

const requestOf = (kill: number): DeepPartial<PruneRequest> =>
  PHASES[kill] === undefined ? pruneTo(kill) : pruneFitted(0.2 + kill / 20, PHASES[kill]);

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

it('a server that is killed while it prunes leaves no output that is there in part, and the next one writes what is missing', {
  timeout: 120_000,
}, async () => {
  const rng = createRng(8);
  const killedEarly: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await startServerChild(folder);
    const client = createClient({ address: server.address });
    if (kill > 0) await client.runPrune(requestOf(kill - 1)); // the one that was killed: what is missing of it is written now
    const events = client.prune(requestOf(kill), { reattach: { giveUpAfterMs: 0, giveUpStartAfterMs: 0 } });
    await events.next(); // the job is stored
    const phase = PHASES[kill];
    const { open: reach, opened: reached } = gate();
    const ended = (async () => {
      for await (const { payload } of events)
        if (payload?.$case === 'progress' && payload.value.phase?.name === phase) reach();
    })().then(
      () => 'ended',
      () => 'killed',
    );
    await (phase === undefined ? pause(rng.uniform() * 120) : Promise.race([reached, ended]));
    await server.signal('SIGKILL');
    if ((await ended) === 'killed') killedEarly.push(kill);
    client.close();
    await expectWholeOutputs();
  }
  expect(killedEarly).toEqual(expect.arrayContaining([0, 1]));
  expect(killedEarly.length).toBeGreaterThan(PHASES.length);
  const server = await startServerChild(folder);
  const client = createClient({ address: server.address });
  try {
    for (let kill = 0; kill < KILLS; kill++) await client.runPrune(requestOf(kill));
    const read = (output: string) => readFile(join(folder, 'outputs', output, 'model.safetensors'));
    for (const [kill, phase] of PHASES.entries()) {
      await client.runPrune({ ...requestOf(kill), requestId: '', output: `${phase}-undisturbed` });
      expect((await read(phase)).equals(await read(`${phase}-undisturbed`))).toBe(true);
    }
    const { jobs } = await client.services.jobs.listJobs({});
    expect(jobs.map(({ state }) => state)).toEqual(
      Array.from({ length: KILLS + PHASES.length }, () => JobState.SUCCEEDED),
    );
    expect(await expectWholeOutputs()).toHaveLength(KILLS + PHASES.length);
    expect(await readdir(join(folder, 'outputs'))).toHaveLength(KILLS + PHASES.length); // nothing unfinished is left
  } finally {
    client.close();
    await server.signal('SIGKILL');
  }
});
