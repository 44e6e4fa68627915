import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createClient,
  JobState,
  type DeepPartial,
  type JobEvent,
  type PrunecastClient,
  type SearchRequest,
  type StudyReport,
  type Trial,
} from '../../../src/client/index.js';
import { createRng } from '../../../src/core/random.js';
import { studyPhaseToJSON, Trial as TrialMessage } from '../../../src/gen/prunecast/v1/study_types.js';
import { startServerChild, type ServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import { listTrials, smallSearch } from './verb-server.js';

/** A search of a second or two, with a phase of every kind. */
const search = (seed: number): DeepPartial<SearchRequest> =>
  smallSearch({
    requestId: `study-${seed}`,
    seed: BigInt(seed),
    pairs: { count: 16, rungs: [{ tokenLimit: 256n }] },
    candidates: 200n,
    output: `winner-${seed}`,
  });

interface Outcome {
  readonly events: readonly JobEvent[];
  readonly report: ReturnType<typeof forget>;
  readonly trials: readonly Trial[];
  /** What was paid and kept so far, of all studies on the server. */
  readonly stored: ReturnType<typeof countStored>;
}

/** What every kill must leave as it is: the outcome of the same searches, one after the other, on an undisturbed server. */
const undisturbed = new Map<number, Outcome>();
let folders: readonly string[] = [];

beforeAll(async () => {
  folders = await Promise.all(['undisturbed', 'random', 'boundary', 'leased'].map(makeFolder));
});
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

async function runUndisturbed(seeds: readonly number[]): Promise<void> {
  const folder = folders[0] ?? '';
  const server = await startServerChild(folder);
  for (const seed of seeds) if (!undisturbed.has(seed)) undisturbed.set(seed, await readOutcome(folder, server, seed));
  await server.signal('SIGKILL');
}

/** The end of a search that runs or has ended. */
async function readOutcome(folder: string, { address }: ServerChild, seed: number): Promise<Outcome> {
  const client = createClient({ address });
  const events: JobEvent[] = [];
  const report = await client.runSearch(search(seed), { onEvent: (event) => void events.push(event) });
  const trials = await listTrials(client, report.studyId);
  client.close();
  return { events, report: forget(report), trials, stored: countStored(folder) };
}

/** A report without what differs from one server to the next: ids and times. */
function forget(report: StudyReport) {
  return {
    ...report,
    studyId: '',
    predictorId: '',
    phases: report.phases.map(({ phase, tokens }) => ({ phase, tokens })),
  };
}

function countStored(folder: string) {
  const database = new Database(join(folder, 'state', 'prunecast.db'), { readonly: true });
  try {
    const count = (query: string): number => Number((database.prepare(query).raw().get() as [number])[0]);
    return {
      labels: count('SELECT COUNT(*) FROM labels'),
      tokens: count('SELECT SUM(tokens_spent) FROM labels'),
      predictors: count('SELECT COUNT(*) FROM predictors'),
      trials: count('SELECT COUNT(*) FROM trials'),
      studies: count('SELECT COUNT(*) FROM studies'),
    };
  } finally {
    database.close();
  }
}

function expectUndisturbed(outcome: Outcome, seed: number): void {
  const expected = undisturbed.get(seed);
  expect(outcome.events.map(({ sequence }) => Number(sequence))).toEqual(outcome.events.map((_, index) => index + 1));
  expect(outcome.report).toEqual(expected?.report);
  expect(outcome.trials.map(({ number }) => number)).toEqual(outcome.trials.map((_, index) => index + 1));
  expect(listTrialsByContent(outcome)).toEqual(listTrialsByContent(expected));
  expect(outcome.stored).toEqual(expected?.stored);
  expect(listSteps(outcome.events)).toEqual(listSteps(expected?.events ?? []));
}

/** Trials of a batch are numbered as they come, and what is left of a batch after a kill comes in another order. */
function listTrialsByContent(outcome: Outcome | undefined): string[] {
  return (outcome?.trials ?? [])
    .map((trial) => JSON.stringify(TrialMessage.toJSON({ ...trial, number: 0 })))
    .toSorted();
}

/** What followers saw of the study, in order. */
function listSteps(events: readonly JobEvent[]): unknown[] {
  return events.flatMap(({ payload }) => {
    if (payload?.$case !== 'study') return [];
    const { phase, event } = payload.value;
    return [
      [
        phase,
        event?.$case,
        event?.$case === 'trial' ? event.value.number : event?.$case === 'phaseStarted' ? event.value.round : 0,
      ],
    ];
  });
}

/** The beginning of a phase, or a trial in it; `undefined` for other events. */
function nameMoment(payload: JobEvent['payload']): string | undefined {
  if (payload?.$case !== 'study') return undefined;
  const { phase, event } = payload.value;
  const name = studyPhaseToJSON(phase).replace('STUDY_PHASE_', '');
  if (event?.$case === 'phaseStarted') return `${name} ${event.value.round}`;
  return event?.$case === 'trial' ? `${name} trial` : undefined;
}

/** Starts a search, or attaches to it, and leaves it as soon as `until` says so; whether it did before the end. */
async function follow(client: PrunecastClient, seed: number, until: (event: JobEvent) => boolean): Promise<boolean> {
  for await (const event of client.search(search(seed))) if (until(event)) return true;
  return false;
}

/** Waits until the work has stored a result since a second death in a row: after a third one a job is set aside. */
async function letWorkGetOn(folder: string): Promise<void> {
  const database = new Database(join(folder, 'state', 'prunecast.db'), { readonly: true });
  try {
    const starts = database.prepare('SELECT COALESCE(MAX(fruitless_starts), 0) FROM jobs WHERE ended_ms IS NULL').raw();
    while (Number((starts.get() as [number])[0]) >= 3) await pause(10);
  } finally {
    database.close();
  }
}

/** Stops a server where it holds no lock of the database: one that sleeps in a transaction keeps every other from writing, lease or not. */
async function putToSleep(server: ServerChild, folder: string): Promise<void> {
  const database = new Database(join(folder, 'state', 'prunecast.db'));
  try {
    for (;;) {
      await server.signal('SIGSTOP');
      // A signal is on its way for a moment.
      await pause(20);
      try {
        database.exec('BEGIN IMMEDIATE');
        database.exec('ROLLBACK');
        return;
      } catch {
        await server.signal('SIGCONT');
        await pause(10);
      }
    }
  } finally {
    database.close();
  }
}

describe('a server that is killed', () => {
  it('or asked to stop at 20 random moments gives the same results as an undisturbed one, and pays for nothing twice', async () => {
    const folder = folders[1] ?? '';
    const rng = createRng(20);
    const outcomes: Outcome[] = [];
    for (let kills = 0, seed = 1; kills < 20; seed++) {
      let server = await startServerChild(folder);
      for (; kills < 20; kills++) {
        const client = createClient({ address: server.address });
        const ended = client.runSearch(search(seed), { reattach: { giveUpAfterMs: 0, giveUpStartAfterMs: 0 } }).then(
          () => 'ended',
          () => 'killed',
        );
        const first = await Promise.race([ended, pause(30 + rng.uniform() * 500, 'due')]);
        if (first === 'due') {
          await letWorkGetOn(folder);
          await (kills % 3 === 2 ? server.stop() : server.signal('SIGKILL'));
        }
        await ended;
        client.close();
        if (first === 'ended') break;
        server = await startServerChild(folder);
      }
      outcomes.push(await readOutcome(folder, server, seed));
      await server.signal('SIGKILL');
    }
    await runUndisturbed(outcomes.map((_, index) => index + 1));
    expect(outcomes.length).toBeGreaterThan(0);
    for (const [index, outcome] of outcomes.entries()) expectUndisturbed(outcome, index + 1);
  }, 180_000);

  it('at every boundary between two phases, and in the midst of those with trials, gives the same results too', async () => {
    const folder = folders[2] ?? '';
    const seen = new Set<string>();
    let server = await startServerChild(folder);
    for (;;) {
      const client = createClient({ address: server.address });
      const isCut = await follow(client, 1, ({ payload }) => {
        const moment = nameMoment(payload);
        return moment !== undefined && !seen.has(moment) && seen.add(moment).has(moment);
      });
      if (!isCut) break;
      await server.signal('SIGKILL');
      client.close();
      server = await startServerChild(folder);
    }
    const outcome = await readOutcome(folder, server, 1);
    await server.signal('SIGKILL');
    await runUndisturbed([1]);
    const phases = [...seen].filter((moment) => !moment.endsWith('trial'));
    expect(phases.length).toBeGreaterThanOrEqual(10);
    expect([...seen]).toEqual(
      expect.arrayContaining(['SAMPLE', 'VERIFY', 'CONTROLS', 'REPORT'].map((phase) => `${phase} trial`)),
    );
    expectUndisturbed(outcome, 1);
  }, 120_000);
});

describe('a server that sleeps while another takes its job', () => {
  it('stores nothing more of it when it wakes', async () => {
    const folder = folders[3] ?? '';
    const other = join(folder, 'other');
    // The lock of a state folder keeps a second server out; a link to the database goes around it, as a file system without locks would.
    await mkdir(join(folder, 'state'), { recursive: true });
    await mkdir(other);
    await symlink(join(folder, 'state', 'prunecast.db'), join(other, 'prunecast.db'));
    const asleep = await startServerChild(folder);
    const client = createClient({ address: asleep.address });
    let trials = 0;
    await follow(
      client,
      1,
      ({ payload }) => payload?.$case === 'study' && payload.value.event?.$case === 'trial' && ++trials === 3,
    );
    await putToSleep(asleep, folder);
    client.close();

    const awake = await startServerChild(folder, {
      stateDirectory: other,
      environment: { PRUNECAST_LISTEN: `unix:${join(folder, 'other.sock')}` },
    });
    const second = createClient({ address: awake.address });
    const [job] = (await second.services.jobs.listJobs({})).jobs;
    await expect(second.services.jobs.cancelJob({ jobId: job?.id ?? '' })).rejects.toMatchObject({
      reason: 'LEASE_HELD',
    });
    expect(job).toMatchObject({ state: JobState.RUNNING });
    const outcome = await readOutcome(folder, awake, 1);
    await asleep.signal('SIGCONT');
    await pause(2000);
    expect(await readOutcome(folder, awake, 1)).toEqual(outcome);
    second.close();
    await Promise.all([asleep.signal('SIGKILL'), awake.signal('SIGKILL')]);
    await runUndisturbed([1]);
    expectUndisturbed(outcome, 1);
  }, 120_000);
});
