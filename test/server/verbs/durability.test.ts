import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  CallError,
  createClient,
  JobState,
  StudyPhase,
  TrialRole,
  type DeepPartial,
  type JobEvent,
  type PrunecastClient,
  type SearchRequest,
} from '../../../src/client/index.js';
import type * as limits from '../../../src/server/config/limits.js';
import { startServer } from '../../../src/server/start-server.js';
import { startServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import {
  DEMO,
  listTrials,
  MAGNITUDE,
  REFERENCE_TEXT,
  referenceWindows,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

// No run is left behind: a cancel is answered when the work has heeded it, or the test runs out of time.
vi.mock('../../../src/server/config/limits.js', async (original) => ({
  ...(await original<typeof limits>()),
  CANCEL_GRACE_MS: 600_000,
}));

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({ startServer });
});
afterAll(() => verbs[Symbol.asyncDispose]());

/** A search of minutes, with many labels early on. */
const longSearch = (changes: DeepPartial<SearchRequest> = {}): DeepPartial<SearchRequest> =>
  smallSearch({
    texts: { text: { source: { $case: 'path', value: `${DEMO}/stories.json` } } },
    pairs: { count: 2000, rungs: [{ tokenLimit: 8192n }] },
    ...changes,
  });

const isTrial = ({ payload }: JobEvent): boolean =>
  payload?.$case === 'study' && payload.value.event?.$case === 'trial';

/** Follows a search until `count` trials are in, then goes away; the events it saw. */
async function leaveAfterTrials(
  client: PrunecastClient,
  request: DeepPartial<SearchRequest>,
  count: number,
): Promise<JobEvent[]> {
  const seen: JobEvent[] = [];
  for await (const event of client.search(request)) {
    seen.push(event);
    if (seen.filter(isTrial).length >= count) break;
  }
  return seen;
}

/** Starts an Evaluate; its first event, and those that follow. */
async function startEvaluate(): Promise<{ readonly first: JobEvent; readonly rest: AsyncIterable<JobEvent> }> {
  const rest = verbs.client.evaluate({ model: DEMO, measurement: { text: referenceWindows(0, 1) } });
  const { value } = await rest.next();
  if (value === undefined) throw new Error('the job has no events');
  return { first: value, rest };
}

/** All events of a job after a number, and what the stream ended with. */
async function collect(
  events: AsyncIterable<JobEvent>,
): Promise<{ readonly events: JobEvent[]; readonly error: CallError | undefined }> {
  const seen: JobEvent[] = [];
  try {
    for await (const event of events) seen.push(event);
    return { events: seen, error: undefined };
  } catch (error) {
    return { events: seen, error: CallError.from(error) };
  }
}

const numbersOf = (events: readonly JobEvent[]): number[] => events.map(({ sequence }) => Number(sequence));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('a client that goes away', () => {
  it('does not stop its search, and misses nothing when it comes back', async () => {
    const request = smallSearch({ requestId: 'left-alone' });
    const before = await leaveAfterTrials(verbs.client, request, 3);
    const jobId = before[0]?.jobId ?? '';
    const last = before.at(-1)?.sequence ?? 0n;
    const after = await collect(verbs.client.followJob(jobId, { afterSequence: last }));
    expect(numbersOf([...before, ...after.events])).toEqual(upTo(before.length + after.events.length));
    expect(after.error).toBeUndefined();
    expect(after.events.at(-1)?.payload).toMatchObject({ $case: 'ended', value: { state: JobState.SUCCEEDED } });
    const { job } = await verbs.client.services.jobs.getJob({ jobId });
    expect(job).toMatchObject({
      state: JobState.SUCCEEDED,
      requestId: 'left-alone',
      lastSequence: after.events.at(-1)?.sequence,
    });
  });

  it('gets all events from the first with the same request id, while the job runs and after its end', async () => {
    const request = smallSearch({ requestId: 'attached', seed: 21n });
    const [first, second] = await Promise.all([
      collect(verbs.client.search(request)),
      collect(verbs.client.search(request)),
    ]);
    const third = await collect(verbs.client.search(request));
    expect(first.events.length).toBeGreaterThan(24);
    expect(numbersOf(first.events)).toEqual(upTo(first.events.length));
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    const jobs = (await verbs.client.services.jobs.listJobs({})).jobs.filter(
      ({ requestId }) => requestId === 'attached',
    );
    expect(jobs).toHaveLength(1);
  });
});

describe('a second job', () => {
  it('is queued and shown its place until the first is cancelled, which keeps what was paid', async () => {
    const [started] = await leaveAfterTrials(verbs.client, longSearch({ requestId: 'long' }), 2);
    const jobId = started?.jobId ?? '';
    const [second, third] = [await startEvaluate(), await startEvaluate()];
    expect([second.first.payload, third.first.payload]).toMatchObject([
      { $case: 'queued', value: { place: 1 } },
      { $case: 'queued', value: { place: 2 } },
    ]);
    const secondId = second.first.jobId;
    expect((await verbs.client.services.jobs.getJob({ jobId: secondId })).job).toMatchObject({
      state: JobState.QUEUED,
      queuePlace: 1,
    });

    await verbs.client.services.jobs.cancelJob({ jobId: secondId });
    expect((await collect(second.rest)).error).toMatchObject({ code: 'CANCELLED', reason: 'CANCELLED' });
    const { job } = await verbs.client.services.jobs.cancelJob({ jobId });
    const { events, error } = await collect(verbs.client.followJob(jobId));
    expect(job).toMatchObject({ state: JobState.CANCELLED });
    expect(error).toMatchObject({ code: 'CANCELLED', reason: 'CANCELLED' });
    expect(events.at(-1)?.payload).toMatchObject({ $case: 'ended', value: { state: JobState.CANCELLED } });

    const { events: its, error: none } = await collect(third.rest);
    expect(none).toBeUndefined();
    // It moved up when the one before it was cancelled.
    expect(its.map(({ payload }) => payload)).toMatchObject([
      { $case: 'queued', value: { place: 1 } },
      { $case: 'started' },
      ...its.slice(2).map(() => ({})),
    ]);
    expect(its.at(-1)?.payload).toMatchObject({ $case: 'ended', value: { state: JobState.SUCCEEDED } });
    const { study } = await verbs.client.services.studies.getStudy({ studyId: job?.studyId ?? '' });
    expect(study).toMatchObject({ state: JobState.CANCELLED });
    expect(await listTrials(verbs.client, study?.id ?? '')).toHaveLength(events.filter(isTrial).length);
  });
});

/** Follows a search until an event, cancels it then, and returns the id of its job. */
async function cancelAt(request: DeepPartial<SearchRequest>, isTime: (event: JobEvent) => boolean): Promise<string> {
  let jobId = '';
  for await (const event of verbs.client.search(request)) {
    ({ jobId } = event);
    if (isTime(event)) break;
  }
  const { job } = await verbs.client.services.jobs.cancelJob({ jobId });
  expect(job?.state).toBe(JobState.CANCELLED);
  return jobId;
}

const begins =
  (phase: StudyPhase) =>
  ({ payload }: JobEvent): boolean =>
    payload?.$case === 'study' && payload.value.phase === phase && payload.value.event?.$case === 'phaseStarted';

describe('CancelJob', () => {
  it.each([
    [
      'the fit',
      smallSearch({ seed: 31n, predictor: { id: 'xgboost', options: { trees: 5000, depth: 12 } } }),
      begins(StudyPhase.FIT),
    ],
    ['the search', smallSearch({ seed: 32n, candidates: 1_000_000n }), begins(StudyPhase.SEARCH)],
    ['the verification', smallSearch({ seed: 33n, verify: { count: 200 } }), begins(StudyPhase.VERIFY)],
  ])('is heeded in %s, keeps what was paid, and lets the next job start', async (_, request, isTime) => {
    const jobId = await cancelAt(request, isTime);
    const { events } = await collect((await startEvaluate()).rest);
    expect(events.at(-1)?.payload).toMatchObject({ $case: 'ended', value: { state: JobState.SUCCEEDED } });
    const { job } = await verbs.client.services.jobs.getJob({ jobId });
    const paid = (await listTrials(verbs.client, job?.studyId ?? '')).filter(({ tokensSpent }) => tokensSpent > 0n);
    expect(paid.length).toBeGreaterThan(0);
    const again = await verbs.client.runSearch({
      ...request,
      candidates: 200n,
      verify: { count: 2 },
      predictor: { id: 'ridge' },
    });
    const pairs = (await listTrials(verbs.client, again.studyId)).filter(
      ({ role, round }) => role === TrialRole.PAIR && round === 0,
    );
    expect(pairs.filter(({ tokensSpent }) => tokensSpent > 0n)).toEqual([]);
  });
});

describe('a server that is killed in the middle of a search', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await makeFolder();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('resumes it at its next start: the same request attaches, and no event is missing or repeated', async () => {
    const killed = await startServerChild(folder);
    const client = createClient({ address: killed.address });
    const request = smallSearch({ output: 'found', requestId: 'killed' });
    const seen = await leaveAfterTrials(client, request, 5);
    await killed.signal('SIGKILL');
    client.close();

    await using next = await startVerbServer({ folder });
    const { events, error } = await collect(next.client.search(request));
    expect(error).toBeUndefined();
    expect(numbersOf(events)).toEqual(upTo(events.length));
    expect(events.slice(0, seen.length)).toEqual(seen);
    const { job } = await next.client.services.jobs.getJob({ jobId: seen[0]?.jobId ?? '' });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, lastSequence: events.at(-1)?.sequence });
    const { study } = await next.client.services.studies.getStudy({ studyId: job?.studyId ?? '' });
    expect(study).toMatchObject({ state: JobState.SUCCEEDED, report: { output: 'found' } });
  });

  it('resumes an Evaluate, whose results come once each, and a Prune, which finds what it wrote itself', async () => {
    const killed = await startServerChild(folder);
    const client = createClient({ address: killed.address });
    const targets = Array.from({ length: 60 }, (_, index) => ({
      target: { $case: 'uniformRate', value: index / 100 } as const,
    }));
    const evaluate = {
      requestId: 'evaluate',
      model: DEMO,
      recipe: MAGNITUDE,
      measurement: { text: REFERENCE_TEXT },
      fidelity: { tokenLimit: 1024n },
      targets,
    };
    const prune = {
      requestId: 'prune',
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'uniformRate', value: 0.3 } as const,
      output: 'pruned',
    };
    const whole = await client.runPrune({ ...prune, requestId: 'whole' });
    const seen: JobEvent[] = [];
    for await (const event of client.evaluate(evaluate)) {
      seen.push(event);
      if (event.payload?.$case === 'evaluation') break;
    }
    // It waits behind the Evaluate; its request stands for one whose output was written just before the kill.
    await client.prune({ ...prune, overwrite: false, output: 'other' }).next();
    await killed.signal('SIGKILL');
    client.close();
    await rename(join(folder, 'outputs', 'pruned'), join(folder, 'outputs', 'other'));

    await using next = await startVerbServer({ folder });
    const { events, error } = await collect(next.client.evaluate(evaluate));
    expect(error).toBeUndefined();
    expect(numbersOf(events)).toEqual(upTo(events.length));
    expect(events.slice(0, seen.length)).toEqual(seen);
    const indices = events.flatMap(({ payload }) => (payload?.$case === 'evaluation' ? [payload.value.index] : []));
    expect(indices.toSorted((a, b) => a - b)).toEqual(targets.map((_, index) => index));
    expect(await next.client.runPrune({ ...prune, output: 'other' })).toEqual({ ...whole, output: 'other' });
    await expect(next.client.runPrune({ ...prune, requestId: 'another', output: 'other' })).rejects.toMatchObject({
      reason: 'OUTPUT_EXISTS',
    });
  });
});
