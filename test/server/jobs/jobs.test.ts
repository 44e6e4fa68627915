import { credentials } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { HealthClient, type HealthCheckResponse } from '../../../src/gen/grpc/health/v1/health.js';
import { type JobEvent, JobKind, JobProgress, JobServiceClient, JobState } from '../../../src/gen/prunecast/v1/job.js';
import { CANCEL_GRACE_MS } from '../../../src/server/config/limits.js';
import { ask, failureOf, makeFolder, unpack } from '../../support/test-server.js';
import type { JobResult } from '../../../src/server/kinds/job-context.js';
import { begin, collect, DONE, evaluation, eventsOf, gate, startScriptedServer } from './scripted-jobs.js';

const numbers = (events: readonly JobEvent[]) => events.map(({ sequence }) => Number(sequence));
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
const cases = (events: readonly JobEvent[]) => events.map(({ payload }) => payload?.$case);

describe('a job', () => {
  it('streams numbered events, then its result, and can be read again when it has ended', async () => {
    await using server = await startScriptedServer({
      work: async ({ emit }) => {
        for (const index of [0, 1, 2]) await emit(evaluation(index));
        return DONE;
      },
    });
    const { first, events, jobId } = await begin(server, 'work');
    const rest = await collect(events);
    expect(cases([first, ...rest.events])).toEqual(['started', 'evaluation', 'evaluation', 'evaluation', 'ended']);
    expect(numbers([first, ...rest.events])).toEqual(upTo(5));
    expect(rest.error).toBeUndefined();
    expect(rest.events.at(-1)?.payload?.value).toMatchObject({
      state: JobState.SUCCEEDED,
      result: { $case: 'evaluate', value: { evaluated: 1 } },
    });
    const again = await collect(eventsOf(server.jobs.watchJob({ jobId, afterSequence: 3n })));
    expect(numbers(again.events)).toEqual([4, 5]);
    const { job } = await ask(server.jobs, server.jobs.getJob, { jobId, view: 0 });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, kind: JobKind.EVALUATE, lastSequence: 5n, queuePlace: 0 });
    expect(await collect(eventsOf(server.jobs.watchJob({ jobId, afterSequence: 5n })))).toEqual({
      events: [],
      error: undefined,
    });
  });

  it('continues without its client, who misses and repeats nothing when it comes back, under a live flow of events', async () => {
    const total = 3000;
    await using server = await startScriptedServer({
      flow: async ({ emit }) => {
        // Most without an await in between: their order must be that of the calls.
        for (let index = 0; index < total; index += 50) {
          await Promise.all(Array.from({ length: 50 }, (_, offset) => emit(evaluation(index + offset))));
          await new Promise((resolve) => setImmediate(resolve));
        }
        return DONE;
      },
    });
    const { first, jobId, events, call } = await begin(server, 'flow', 'night-run');
    const seen = [first];
    for await (const event of events) {
      seen.push(event);
      if (seen.length === 120) break;
    }
    call.cancel();
    for (;;) {
      const again = server.jobs.watchJob({ jobId, afterSequence: seen.at(-1)?.sequence ?? 0n });
      let taken = 0;
      for await (const event of eventsOf(again)) {
        seen.push(event);
        taken += 1;
        if (taken === 700) break;
      }
      again.cancel();
      if (seen.at(-1)?.payload?.$case === 'ended') break;
    }
    expect(numbers(seen)).toEqual(upTo(total + 2));
    const indices = seen.flatMap(({ payload }) => (payload?.$case === 'evaluation' ? [payload.value.index] : []));
    expect(indices).toEqual(upTo(total - 1, 0));
    // The same request attaches, and gets everything from the first event.
    const attached = await begin(server, 'flow', 'night-run');
    expect(attached.jobId).toBe(jobId);
    expect(numbers([attached.first, ...(await collect(attached.events)).events])).toEqual(upTo(total + 2));
  });

  it('that fails sends its terminal event and then ends the stream with its own status', async () => {
    await using server = await startScriptedServer({
      refused: async () => {
        throw new PrunecastError('BUDGET_INFEASIBLE', 'the budget allows 10, the smallest architecture has 20', {
          metadata: { least: '20' },
        });
      },
    });
    const { events } = await begin(server, 'refused');
    const { events: rest, error } = await collect(events);
    const ended = rest.at(-1)?.payload;
    const failure = await failureOf(Promise.reject(error));
    expect(failure).toMatchObject({
      code: 9,
      reason: 'BUDGET_INFEASIBLE',
      domain: 'prunecast',
      metadata: { least: '20' },
    });
    expect(ended?.$case === 'ended' && ended.value.error && unpack(ended.value.error)).toEqual(failure);
  });

  it('that fails for an unknown reason hides the cause, in its event too', async () => {
    await using server = await startScriptedServer({
      broken: async () => Promise.reject(new Error('password=hunter2')),
    });
    const { events, jobId } = await begin(server, 'broken');
    const { error } = await collect(events);
    expect(await failureOf(Promise.reject(error))).toMatchObject({
      code: 13,
      reason: 'INTERNAL',
      message: expect.not.stringContaining('hunter2') as string,
    });
    const { job } = await ask(server.jobs, server.jobs.getJob, { jobId, view: 0 });
    expect(job?.error?.message).not.toContain('hunter2');
    expect(job?.error && unpack(job.error).metadata['error_id']).toMatch(/^error-[0-9a-f]{16}$/);
  });

  it('fails when an event or its result could not travel in one message', async () => {
    const result: JobResult = {
      $case: 'prune',
      value: {
        output: 'x'.repeat(5 * 2 ** 20),
        files: [],
        bytes: 0n,
        architecture: undefined,
        keptUnits: undefined,
        costs: [],
        loadsIn: [],
        recipeDigest: '',
        allocation: '',
        snapped: [],
        recovery: undefined,
        exports: [],
        notes: [],
      },
    };
    await using server = await startScriptedServer({
      event: async ({ emit }) => {
        await emit({
          $case: 'progress',
          value: JobProgress.fromPartial({ activity: 'x'.repeat(5 * 2 ** 20) }),
        });
        return DONE;
      },
      result: async () => result,
    });
    for (const model of ['event', 'result']) {
      const { events } = await begin(server, model);
      expect(await failureOf(Promise.reject((await collect(events)).error))).toMatchObject({
        reason: 'MESSAGE_TOO_LARGE',
      });
    }
  });

  it('reports its progress: the first report of each activity, and the newest before it ends', async () => {
    await using server = await startScriptedServer({
      counting: async ({ progress }) => {
        for (let done = 0; done <= 100; done++)
          progress({ activity: 'labelling pairs', done, total: 100, unit: 'pairs' });
        progress({ activity: 'fitting', done: 0, total: 0, unit: 'trees' });
        return DONE;
      },
    });
    const { events } = await begin(server, 'counting');
    const reports = (await collect(events)).events.flatMap(({ payload }) =>
      payload?.$case === 'progress' ? [payload.value] : [],
    );
    expect(reports.map(({ activity, done, total, unit }) => [activity, done, total, unit])).toEqual([
      ['labelling pairs', 0n, 100n, 'pairs'],
      ['labelling pairs', 100n, 100n, 'pairs'],
      ['fitting', 0n, 0n, 'trees'],
    ]);
  });

  it('tells with each report how far its phase was by then, not by the next activity', async () => {
    await using server = await startScriptedServer({
      scoring: async ({ phases, progress }) => {
        phases.declare([{ name: 'score' }]);
        phases.enter('score');
        for (const done of [0, 20, 40]) progress({ activity: 'calibrating', done, total: 40, unit: 'tokens' });
        for (const done of [1, 5]) progress({ activity: 'scoring units', done, total: 5, unit: 'layers' });
        return DONE;
      },
    });
    const { events } = await begin(server, 'scoring');
    const reports = (await collect(events)).events.flatMap(({ payload }) =>
      payload?.$case === 'progress' ? [payload.value] : [],
    );
    expect(reports.map(({ activity, phase }) => [activity, phase?.done, phase?.total, phase?.unit])).toEqual([
      ['calibrating', 0n, 40n, 'tokens'],
      ['calibrating', 40n, 40n, 'tokens'],
      ['scoring units', 1n, 5n, 'layers'],
      ['scoring units', 5n, 5n, 'layers'],
    ]);
  });
});

describe('the queue', () => {
  it('runs one job at a time and reports the place of each waiting job whenever it changes', async () => {
    const gates = { a: gate(), b: gate(), c: gate() };
    await using server = await startScriptedServer(
      Object.fromEntries(
        Object.entries(gates).map(([name, { opened }]) => [
          name,
          async () => {
            await opened;
            return DONE;
          },
        ]),
      ),
    );
    const [a, b, c, d] = [
      await begin(server, 'a'),
      await begin(server, 'b'),
      await begin(server, 'c'),
      await begin(server, 'a'),
    ];
    expect(c.first.payload).toEqual({ $case: 'queued', value: { place: 2 } });
    const { job } = await ask(server.jobs, server.jobs.getJob, { jobId: d.jobId, view: 0 });
    expect(job).toMatchObject({ state: JobState.QUEUED, queuePlace: 3, startTime: undefined });
    await ask(server.jobs, server.jobs.cancelJob, { jobId: b.jobId });
    for (const { open } of Object.values(gates)) open();
    const places = async (begun: typeof a) =>
      [begun.first, ...(await collect(begun.events)).events].map(({ payload }) =>
        payload?.$case === 'queued' ? payload.value.place : payload?.$case,
      );
    expect(await places(a)).toEqual(['started', 'ended']);
    expect(await places(b)).toEqual([1, 'ended']);
    expect(await places(c)).toEqual([2, 1, 'started', 'ended']);
    expect(await places(d)).toEqual([3, 2, 1, 'started', 'ended']);
  });

  it('refuses what exceeds it, with the time to come back', async () => {
    const { open, opened } = gate();
    await using server = await startScriptedServer(
      {
        wait: async () => {
          await opened;
          return DONE;
        },
      },
      { config: { maxQueuedJobs: 1 } },
    );
    await begin(server, 'wait');
    await begin(server, 'wait');
    expect(await failureOf(begin(server, 'wait'))).toMatchObject({ code: 8, reason: 'OVERLOADED', retrySeconds: 30 });
    open();
  });

  it('makes one job of requests with one id that come at once, and refuses the id for another request', async () => {
    const { open, opened } = gate();
    await using server = await startScriptedServer({
      wait: async () => {
        await opened;
        return DONE;
      },
      other: async () => DONE,
    });
    const begun = await Promise.all(Array.from({ length: 8 }, () => begin(server, 'wait', 'once')));
    expect(new Set(begun.map(({ jobId }) => jobId)).size).toBe(1);
    expect(await failureOf(begin(server, 'other', 'once'))).toMatchObject({
      code: 6,
      reason: 'REQUEST_ID_REUSED',
      violations: [{ field: 'request_id' }],
    });
    open();
    const { jobs } = await ask(server.jobs, server.jobs.listJobs, {
      kind: 0,
      state: 0,
      pageSize: 0,
      pageToken: '',
      labels: {},
      view: 0,
    });
    expect(jobs).toHaveLength(1);
  });
});

describe('CancelJob', () => {
  it('ends a running job as CANCELLED within two seconds, though its run ignores the signal, and gives its turn to the next job', async () => {
    const { open, opened } = gate();
    const emitted = gate<unknown>();
    await using server = await startScriptedServer({
      deaf: async ({ emit }) => {
        await opened;
        emitted.open(
          await emit(evaluation(0)).then(
            () => 'stored',
            (error: unknown) => error,
          ),
        );
        return DONE;
      },
      next: async () => DONE,
    });
    const deaf = await begin(server, 'deaf');
    const next = await begin(server, 'next');
    expect(CANCEL_GRACE_MS).toBeLessThan(2000);
    const { job } = await ask(server.jobs, server.jobs.cancelJob, { jobId: deaf.jobId });
    expect(job).toMatchObject({ state: JobState.CANCELLED });
    const { events, error } = await collect(deaf.events);
    expect(events.at(-1)?.payload?.value).toMatchObject({ state: JobState.CANCELLED, result: undefined });
    expect(await failureOf(Promise.reject(error))).toMatchObject({ code: 1, reason: 'CANCELLED' });
    expect(cases((await collect(next.events)).events)).toEqual(['started', 'ended']);
    open();
    expect(await emitted.opened).toBeInstanceOf(PrunecastError);
    // Nothing follows the terminal event, and an ended job stays as it is.
    expect(
      (await collect(eventsOf(server.jobs.watchJob({ jobId: deaf.jobId, afterSequence: 0n })))).events,
    ).toHaveLength(2);
    expect((await ask(server.jobs, server.jobs.cancelJob, { jobId: next.jobId })).job?.state).toBe(JobState.SUCCEEDED);
  });

  it('lets a run that heeds the signal keep what it emits on its way out', async () => {
    await using server = await startScriptedServer({
      heeding: async ({ signal, emit }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        await emit(evaluation(7));
        signal.throwIfAborted();
        return DONE;
      },
    });
    const { jobId, events } = await begin(server, 'heeding');
    await ask(server.jobs, server.jobs.cancelJob, { jobId });
    expect(cases((await collect(events)).events)).toEqual(['evaluation', 'ended']);
  });

  it('knows no job of another id', async () => {
    await using server = await startScriptedServer({});
    expect(await failureOf(ask(server.jobs, server.jobs.cancelJob, { jobId: 'job-x' }))).toMatchObject({
      code: 5,
      reason: 'JOB_NOT_FOUND',
      metadata: { job_id: 'job-x' },
    });
    expect(await failureOf(ask(server.jobs, server.jobs.cancelJob, { jobId: '' }))).toMatchObject({
      code: 3,
      violations: [{ field: 'job_id' }],
    });
  });
});

describe('a stop of the server', () => {
  it('ends open streams with SERVER_STOPPING; the next server ends the job as SERVER_RESTARTED, and its events continue without a gap', async () => {
    const folder = await makeFolder();
    const runs = {
      endless: async ({
        signal,
        emit,
      }: Parameters<NonNullable<Parameters<typeof startScriptedServer>[0][string]>>[0]) => {
        await emit(evaluation(0));
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw signal.reason;
      },
    };
    const server = await startScriptedServer(runs, { folder, config: { shutdownGraceMs: 200 } });
    const running = await begin(server, 'endless', 'mine');
    const queued = await begin(server, 'endless');
    const ends = Promise.all([collect(running.events), collect(queued.events)]);
    await vi.waitFor(async () =>
      expect((await ask(server.jobs, server.jobs.getJob, { jobId: running.jobId, view: 0 })).job?.lastSequence).toBe(
        2n,
      ),
    );
    await server.stop();
    const reached = [
      { job_id: running.jobId, after_sequence: '2' },
      { job_id: queued.jobId, after_sequence: '1' },
    ];
    for (const [index, { error }] of (await ends).entries())
      expect(await failureOf(Promise.reject(error))).toMatchObject({
        code: 14,
        reason: 'SERVER_STOPPING',
        metadata: reached[index],
      });

    await using next = await startScriptedServer(runs, { folder });
    for (const [jobId, last] of [
      [running.jobId, 3],
      [queued.jobId, 2],
    ] as const) {
      const { job } = await ask(next.jobs, next.jobs.getJob, { jobId, view: 0 });
      expect(job).toMatchObject({ state: JobState.FAILED, queuePlace: 0 });
      expect(job?.error && unpack(job.error).reason).toBe('SERVER_RESTARTED');
      expect(numbers((await collect(eventsOf(next.jobs.watchJob({ jobId, afterSequence: 0n })))).events)).toEqual(
        upTo(last),
      );
    }
    // The request id still names that job.
    const attached = await begin(next, 'endless', 'mine');
    expect(attached.jobId).toBe(running.jobId);
    expect(await failureOf(Promise.reject((await collect(attached.events)).error))).toMatchObject({
      code: 10,
      reason: 'SERVER_RESTARTED',
    });
  });
});

describe('a server that drains', () => {
  it('lets running work store its next result, says NOT_SERVING, refuses work, and stops no later for it', async () => {
    const folder = await makeFolder();
    const { open, opened } = gate();
    // A stop that waits for the whole grace outlasts the test.
    const server = await startScriptedServer(
      {
        trials: async ({ signal, emit }) => {
          await emit(evaluation(0));
          await opened;
          await emit(evaluation(1));
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          throw signal.reason;
        },
      },
      { folder, config: { shutdownGraceMs: 600_000 } },
    );
    const { jobId, events } = await begin(server, 'trials');
    await events.next();
    const health = new HealthClient(server.address, credentials.createInsecure());
    const watched: number[] = [];
    const healthEnded = (async () => {
      for await (const { status } of health.watch({ service: '' }) as AsyncIterable<HealthCheckResponse>)
        watched.push(status);
    })().catch(() => undefined);
    await vi.waitFor(() => expect(watched).toEqual([1]));
    const jobs = new JobServiceClient(server.address, credentials.createInsecure());
    await ask(jobs, jobs.getJob, { jobId, view: 0 });
    const stopped = server.stop();
    await healthEnded;
    expect(watched).toEqual([1, 2]);
    expect(await ask(health, health.check, { service: '' })).toEqual({ status: 2 });
    const refused = collect(eventsOf(jobs.watchJob({ jobId, afterSequence: 0n })));
    expect(await failureOf(refused.then(({ error }) => Promise.reject(error)))).toMatchObject({
      code: 14,
      reason: 'SERVER_STOPPING',
    });
    open();
    await stopped;
    for (const client of [health, jobs]) client.close();
    await using next = await startScriptedServer({}, { folder });
    const kept = await collect(eventsOf(next.jobs.watchJob({ jobId, afterSequence: 0n })));
    expect(cases(kept.events)).toEqual(['started', 'evaluation', 'evaluation', 'ended']);
  });
});

describe('WatchJob', () => {
  it('refuses a number that the job has not reached, and an unknown job', async () => {
    await using server = await startScriptedServer({ work: async () => DONE });
    const { jobId, events } = await begin(server, 'work');
    await collect(events);
    const watch = (id: string, afterSequence: bigint) =>
      failureOf(
        collect(eventsOf(server.jobs.watchJob({ jobId: id, afterSequence }))).then(({ error }) =>
          Promise.reject(error),
        ),
      );
    expect(await watch(jobId, 9n)).toMatchObject({ code: 3, violations: [{ field: 'after_sequence' }] });
    expect(await watch('job-y', 0n)).toMatchObject({ code: 5, reason: 'JOB_NOT_FOUND' });
  });

  it('says which events are still kept when older ones were compacted', async () => {
    await using server = await startScriptedServer(
      {
        long: async ({ emit }) => {
          for (let index = 0; index < 1250; index++) await emit(evaluation(index));
          return DONE;
        },
      },
      { config: { keptEvents: 1000 } },
    );
    const { jobId, call } = await begin(server, 'long');
    call.cancel();
    await vi.waitFor(
      async () =>
        expect((await ask(server.jobs, server.jobs.getJob, { jobId, view: 0 })).job?.state).toBe(JobState.SUCCEEDED),
      { timeout: 10_000 },
    );
    const { error } = await collect(eventsOf(server.jobs.watchJob({ jobId, afterSequence: 5n })));
    const failure = await failureOf(Promise.reject(error));
    expect(failure).toMatchObject({ code: 11, reason: 'EVENTS_COMPACTED' });
    const oldest = Number(failure.metadata['oldest_sequence']);
    const { events } = await collect(eventsOf(server.jobs.watchJob({ jobId, afterSequence: BigInt(oldest - 1) })));
    expect(numbers(events)).toEqual(upTo(1252, oldest));
    expect(events.length).toBeGreaterThanOrEqual(1000);
  });
});

describe('ListJobs and DeleteJob', () => {
  it('page through jobs, newest first, and forget an ended one', async () => {
    await using server = await startScriptedServer({
      work: async () => DONE,
      fail: async () => Promise.reject(new PrunecastError('TEXT_TOO_SHORT', 'too short')),
    });
    const ids: string[] = [];
    for (const model of ['work', 'fail', 'work', 'work', 'work']) {
      const { jobId, events } = await begin(server, model);
      await collect(events);
      ids.unshift(jobId);
    }
    const list = (request: { pageSize?: number; pageToken?: string; state?: JobState; kind?: JobKind }) =>
      ask(server.jobs, server.jobs.listJobs, {
        kind: 0,
        state: 0,
        pageSize: 2,
        pageToken: '',
        ...request,
        labels: {},
        view: 0,
      });
    const pages: string[][] = [];
    let pageToken = '';
    do {
      const page = await list({ pageToken });
      pages.push(page.jobs.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(pages).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
    expect((await list({ state: JobState.FAILED })).jobs.map(({ id }) => id)).toEqual([ids[3]]);
    expect((await list({ kind: JobKind.SEARCH })).jobs).toEqual([]);
    expect(await failureOf(list({ pageToken: 'bogus' }))).toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'page_token' }],
    });
    expect(await failureOf(list({ pageSize: 1001 }))).toMatchObject({ violations: [{ field: 'page_size' }] });
    expect(await failureOf(list({ kind: 77 as JobKind }))).toMatchObject({ violations: [{ field: 'kind' }] });
    const jobId = ids[0] ?? '';
    await ask(server.jobs, server.jobs.deleteJob, { jobId });
    expect(await failureOf(ask(server.jobs, server.jobs.getJob, { jobId, view: 0 }))).toMatchObject({
      reason: 'JOB_NOT_FOUND',
    });
  });

  it('refuse to forget a job that runs, and to resume one', async () => {
    const { open, opened } = gate();
    await using server = await startScriptedServer({
      wait: async () => {
        await opened;
        return DONE;
      },
    });
    const { jobId } = await begin(server, 'wait');
    expect(await failureOf(ask(server.jobs, server.jobs.deleteJob, { jobId }))).toMatchObject({
      code: 9,
      reason: 'JOB_ACTIVE',
    });
    expect(await failureOf(ask(server.jobs, server.jobs.resumeJob, { jobId, ranges: [] }))).toMatchObject({
      reason: 'JOB_NOT_RESUMABLE',
    });
    open();
  });
});
