import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import { createJob, event, newJob, readPages, STARTED, SUCCEEDED, type StoreChecks } from './records.js';

const MEBIBYTE = 2 ** 20;

export const JOB_CHECKS: StoreChecks = {
  'keeps a job with its first event, as the event left it': async ({ store, reopen }) => {
    const lease = { owner: 'a', untilMs: 100 };
    const held = await store.jobs.create(
      newJob('job-1', {
        requestId: 'r',
        studyId: 's',
        labels: { team: 'a', 'it\'s "so"': '$.%' },
        caller: 'team-a',
        origin: { callId: 'call', trace: { traceparent: '00-1-2-01', tracestate: 'a="b"' } },
        request: { bytes: Uint8Array.of(7, 8), plan: { seed: 3, names: ['a'] } },
      }),
      event({ to: 'queued', place: 4 }, 9),
      lease,
    );
    deepStrictEqual(held, { jobId: 'job-1', token: 1 });
    const { jobs } = (await reopen?.()) ?? store;
    deepStrictEqual(await jobs.get('job-1'), {
      id: 'job-1',
      kind: 3,
      requestId: 'r',
      requestDigest: 'd',
      studyId: 's',
      labels: { team: 'a', 'it\'s "so"': '$.%' },
      caller: 'team-a',
      origin: { callId: 'call', trace: { traceparent: '00-1-2-01', tracestate: 'a="b"' } },
      createdMs: 5,
      state: 'queued',
      startedMs: undefined,
      endedMs: undefined,
      lastSequence: 1,
      queuePlace: 4,
      progress: undefined,
      error: undefined,
      phases: undefined,
      fruitlessStarts: 0,
    });
    deepStrictEqual(await jobs.eventsAfter('job-1', 0, 10), [{ sequence: 1, timeMs: 5, payload: Uint8Array.of(9) }]);
    deepStrictEqual(await jobs.request('job-1'), {
      bytes: Uint8Array.of(7, 8),
      plan: { seed: 3, names: ['a'] },
    });
    deepStrictEqual(await jobs.findByRequestId('r'), { jobId: 'job-1', requestDigest: 'd' });
  },

  'lists the jobs that have all of some labels, in pages': async ({ store: { jobs }, store }) => {
    const odd = { 'it\'s "so"': '$.%', '': '' };
    await createJob(store, 'job-1', { labels: { team: 'a', ...odd } });
    await createJob(store, 'job-2', { labels: { team: 'b' } });
    await createJob(store, 'job-3', { labels: { team: 'a' } });
    await createJob(store, 'job-4');
    const listOf = async (labels: Readonly<Record<string, string>>): Promise<string[]> =>
      (await readPages((pageToken) => jobs.list({ labels, pageSize: 1, pageToken }))).flat().map(({ id }) => id);
    deepStrictEqual(await listOf({ team: 'a' }), ['job-3', 'job-1']);
    deepStrictEqual(await listOf({ team: 'a', ...odd }), ['job-1']);
    deepStrictEqual(await listOf({ team: 'c' }), []);
    deepStrictEqual(await listOf({ a: 'team' }), []);
    deepStrictEqual(await listOf({}), ['job-4', 'job-3', 'job-2', 'job-1']);
  },

  'reports what events say, each numbered one higher than the one before': async ({ store: { jobs }, store }) => {
    const held = await createJob(store);
    const appended = await jobs.append(
      [
        { ...held, ...event({ to: 'progress', progress: Uint8Array.of(1, 2) }, 1) },
        { ...held, ...event({ to: 'failed', error: Uint8Array.of(3) }, 2) },
      ],
      7,
    );
    deepStrictEqual(appended, [
      { jobId: 'job-1', sequence: 2 },
      { jobId: 'job-1', sequence: 3 },
    ]);
    const { state, startedMs, endedMs, lastSequence, progress, error } = await jobs.get('job-1');
    deepStrictEqual([state, startedMs, endedMs, lastSequence], ['failed', 5, 7, 3]);
    deepStrictEqual([progress, error], [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    deepStrictEqual(
      (await jobs.eventsAfter('job-1', 1, 10)).map(({ sequence, timeMs, payload }) => [sequence, timeMs, payload[0]]),
      [
        [2, 7, 1],
        [3, 7, 2],
      ],
    );
  },

  'keeps the phases of the newest event that has some, those of an event that ends the job too': async ({
    store,
    reopen,
  }) => {
    const held = await createJob(store);
    await store.jobs.append(
      [
        { ...held, ...event({ to: 'worked' }), phases: Uint8Array.of(1) },
        { ...held, ...event({ to: 'progress', progress: Uint8Array.of(9) }), phases: Uint8Array.of(2, 3) },
        { ...held, ...event({ to: 'worked' }) },
      ],
      7,
    );
    deepStrictEqual((await store.jobs.get('job-1')).phases, Uint8Array.of(2, 3));
    const [last] = (await store.jobs.list({ pageSize: 1, pageToken: '' })).values;
    deepStrictEqual(last?.phases, Uint8Array.of(2, 3));
    await store.jobs.append([{ ...held, ...SUCCEEDED, phases: Uint8Array.of(4) }], 8);
    const { jobs } = (await reopen?.()) ?? store;
    deepStrictEqual((await jobs.get('job-1')).phases, Uint8Array.of(4));
  },

  'drops the events of unknown and ended jobs, and of other tokens, and stores the others': async ({ store }) => {
    const { jobs } = store;
    const [ended, held] = [await createJob(store, 'ended'), await createJob(store, 'held')];
    await jobs.append([{ ...ended, ...SUCCEEDED }], 6);
    const appended = await jobs.append(
      [
        { jobId: 'unknown', token: 1, ...STARTED },
        { ...ended, ...STARTED },
        { ...held, token: 2, ...STARTED },
        { ...held, ...event({ to: 'paused' }) },
      ],
      7,
    );
    deepStrictEqual(appended, [{ jobId: 'held', sequence: 2 }]);
    deepStrictEqual([(await jobs.get('ended')).state, (await jobs.get('held')).state], ['succeeded', 'paused']);
    strictEqual((await jobs.get('ended')).lastSequence, 2);
  },

  'stores nothing of a job after the event that ends it, not even in one call': async ({ store }) => {
    const held = await createJob(store);
    await store.jobs.append(
      [SUCCEEDED, STARTED].map((record) => ({ ...held, ...record })),
      6,
    );
    strictEqual((await store.jobs.get('job-1')).state, 'succeeded');
    strictEqual((await store.jobs.eventsAfter('job-1', 0, 10)).length, 2);
  },

  'refuses a second job of one request id, and takes any number without one': async ({ store }) => {
    await createJob(store, 'first', { requestId: 'r' });
    await rejects(createJob(store, 'second', { requestId: 'r' }));
    await rejects(store.jobs.get('second'), { reason: 'JOB_NOT_FOUND' });
    for (const id of ['third', 'fourth']) await createJob(store, id);
    strictEqual((await store.jobs.unfinished()).length, 3);
    strictEqual(await store.jobs.findByRequestId('other'), undefined);
  },

  'lists jobs in pages, newest first, of a kind and in a state': async ({ store }) => {
    for (const [index, kind] of [1, 2, 1, 1].entries()) await createJob(store, `job-${index}`, { kind });
    await store.jobs.append([{ jobId: 'job-2', token: 1, ...SUCCEEDED }], 6);
    const list = async (query: { readonly kind?: number; readonly state?: 'running' }) =>
      (await readPages((pageToken) => store.jobs.list({ ...query, pageSize: 2, pageToken }))).map((page) =>
        page.map(({ id }) => id),
      );
    deepStrictEqual(await list({}), [
      ['job-3', 'job-2'],
      ['job-1', 'job-0'],
    ]);
    deepStrictEqual(await list({ kind: 1 }), [['job-3', 'job-2'], ['job-0']]);
    deepStrictEqual(await list({ kind: 1, state: 'running' }), [['job-3', 'job-0']]);
    await rejects(store.jobs.list({ pageSize: 2, pageToken: 'no token' }), { reason: 'INVALID_REQUEST' });
  },

  'ends a page of jobs before it has 3 MiB': async ({ store }) => {
    for (const id of ['job-0', 'job-1', 'job-2', 'job-3']) {
      const held = await createJob(store, id);
      await store.jobs.append([{ ...held, ...event({ to: 'progress', progress: new Uint8Array(MEBIBYTE) }) }], 6);
    }
    const pages = await readPages((pageToken) => store.jobs.list({ pageSize: 100, pageToken }));
    deepStrictEqual(
      pages.map((page) => page.length),
      [2, 2],
    );
  },

  'lists the jobs that have not ended, oldest first': async ({ store }) => {
    for (const id of ['b', 'c', 'a']) await createJob(store, id);
    await store.jobs.append([{ jobId: 'c', token: 1, ...SUCCEEDED }], 6);
    deepStrictEqual(
      (await store.jobs.unfinished()).map(({ id }) => id),
      ['b', 'a'],
    );
  },

  'counts starts until the job gets on, pauses or is released; progress counts only if it is saved': async ({
    store,
  }) => {
    const held = await createJob(store);
    const after = async (...changes: Parameters<typeof event>[0][]) => {
      await store.jobs.append(
        changes.map((change) => ({ ...held, ...event(change) })),
        6,
      );
      return (await store.jobs.get('job-1')).fruitlessStarts;
    };
    const progress = { to: 'progress', progress: Uint8Array.of() } as const;
    strictEqual(await after(), 1);
    strictEqual(await after({ to: 'running' }, progress), 2);
    strictEqual(await after({ to: 'worked' }), 0);
    strictEqual(await after({ to: 'running' }, { ...progress, saved: true }), 0);
    strictEqual(await after({ to: 'running' }, { to: 'paused' }), 0);
    strictEqual(await after({ to: 'running' }, { to: 'running' }), 2);
    await store.leases.release('a', 'job-1');
    strictEqual(await after(), 0);
  },

  'tells what a paused job waits for until it goes on': async ({ store, reopen }) => {
    const held = await createJob(store);
    const errorAfter = async (change: Parameters<typeof event>[0], { jobs } = store) => {
      await jobs.append([{ ...held, ...event(change) }], 6);
      return (await jobs.get('job-1')).error;
    };
    const waiting = { to: 'paused', error: Uint8Array.of(3) } as const;
    deepStrictEqual(await errorAfter(waiting), Uint8Array.of(3));
    deepStrictEqual((await store.jobs.list({ pageSize: 1, pageToken: '' })).values[0]?.error, Uint8Array.of(3));
    strictEqual(await errorAfter({ to: 'queued', place: 1 }), undefined);
    await errorAfter(waiting);
    strictEqual(await errorAfter({ to: 'running' }), undefined);
    await errorAfter(waiting);
    strictEqual(await errorAfter({ to: 'paused' }), undefined);
    await errorAfter(waiting);
    strictEqual(await errorAfter({ to: 'running' }, await reopen?.()), undefined);
  },

  'gives events in batches of a mebibyte, and a larger one by itself': async ({ store }) => {
    const held = await createJob(store);
    for (const bytes of [10, 400_000, 400_000, 400_000, 3_000_000, 10])
      await store.jobs.append([{ ...held, ...event({ to: 'worked' }, 0, bytes) }], 6);
    const batches: number[][] = [];
    for (let after = 0; after < 7; after = batches.at(-1)?.at(-1) ?? 7)
      batches.push((await store.jobs.eventsAfter('job-1', after, 100)).map(({ sequence }) => sequence));
    deepStrictEqual(batches, [[1, 2, 3, 4], [5], [6], [7]]);
    strictEqual((await store.jobs.eventsAfter('job-1', 0, 2)).length, 2);
    deepStrictEqual(await store.jobs.eventsAfter('job-1', 7, 100), []);
  },

  'forgets old events, and continues their numbers': async ({ store: { jobs }, store }) => {
    const held = await createJob(store);
    strictEqual(await jobs.oldestSequence('job-1'), 1);
    for (const _ of [2, 3, 4]) await jobs.append([{ ...held, ...event({ to: 'worked' }) }], 6);
    await jobs.compact('job-1', 2);
    strictEqual(await jobs.oldestSequence('job-1'), 3);
    deepStrictEqual(
      (await jobs.eventsAfter('job-1', 0, 10)).map(({ sequence }) => sequence),
      [3, 4],
    );
    deepStrictEqual(await jobs.append([{ ...held, ...SUCCEEDED }], 7), [{ jobId: 'job-1', sequence: 5 }]);
  },

  'forgets a job with its events and its request': async ({ store: { jobs }, store }) => {
    await createJob(store, 'job-1', { requestId: 'r', request: { bytes: Uint8Array.of(1), plan: undefined } });
    await jobs.remove('job-1');
    await rejects(jobs.get('job-1'), { reason: 'JOB_NOT_FOUND' });
    deepStrictEqual(await jobs.eventsAfter('job-1', 0, 10), []);
    strictEqual(await jobs.request('job-1'), undefined);
    strictEqual(await jobs.findByRequestId('r'), undefined);
    await jobs.remove('job-1');
  },

  'keeps no reference to what it was given, and gives none to what it keeps': async ({ store }) => {
    const payload = Uint8Array.of(1);
    await store.jobs.create(newJob('job-1'), { ...STARTED, payload }, { owner: 'a', untilMs: 100 });
    payload[0] = 2;
    const [given] = await store.jobs.eventsAfter('job-1', 0, 1);
    ok(given !== undefined);
    given.payload[0] = 3;
    deepStrictEqual((await store.jobs.eventsAfter('job-1', 0, 1))[0]?.payload, Uint8Array.of(1));
  },
};
