import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { createJob, SUCCEEDED, type StoreChecks } from './records.js';

const nobodyGone = () => false;

export const LEASE_CHECKS: StoreChecks = {
  'leaves a lease to its owner while it runs, unless that owner is known as gone': async ({
    store,
    store: { leases },
  }) => {
    await createJob(store);
    const take = (owner: string, nowMs: number, isGone: (other: string) => boolean = nobodyGone) =>
      leases.take('job-1', { owner, untilMs: nowMs + 100 }, { nowMs, isGone });
    strictEqual(await take('b', 99), undefined);
    deepStrictEqual(await leases.renew({ owner: 'a', untilMs: 200 }), ['job-1']);
    strictEqual(await take('b', 150), undefined);
    strictEqual(await take('b', 150, (owner) => owner === 'a'), 2);
    deepStrictEqual(await leases.renew({ owner: 'a', untilMs: 300 }), []);
    strictEqual(await take('c', 251), 3);
    await leases.release('c');
    strictEqual(await take('a', 252), 4);
    strictEqual(await take('a', 253), 5);
  },

  'keeps leases over a restart': async ({ store, reopen }) => {
    await createJob(store);
    const { leases } = (await reopen?.()) ?? store;
    const now = { nowMs: 99, isGone: nobodyGone };
    strictEqual(await leases.take('job-1', { owner: 'b', untilMs: 200 }, now), undefined);
    deepStrictEqual(await leases.renew({ owner: 'a', untilMs: 200 }), ['job-1']);
  },

  'lets one of many take a lease that has run out': async ({ store }) => {
    await createJob(store);
    const tokens = await Promise.all(
      ['b', 'c', 'd', 'e'].map((owner) =>
        store.leases.take('job-1', { owner, untilMs: 300 }, { nowMs: 101, isGone: nobodyGone }),
      ),
    );
    deepStrictEqual(
      tokens.filter((token) => token !== undefined),
      [2],
    );
  },

  'gives no lease of a job that is unknown or has ended': async ({ store }) => {
    const held = await createJob(store);
    await store.jobs.append([{ ...held, ...SUCCEEDED }], 6);
    for (const jobId of ['job-1', 'job-2'])
      strictEqual(
        await store.leases.take(jobId, { owner: 'b', untilMs: 300 }, { nowMs: 101, isGone: nobodyGone }),
        undefined,
      );
    deepStrictEqual(await store.leases.renew({ owner: 'a', untilMs: 300 }), []);
  },

  'releases one job, or all of an owner': async ({ store, store: { leases } }) => {
    for (const id of ['job-1', 'job-2', 'job-3']) await createJob(store, id);
    const take = (jobId: string, owner: string) =>
      leases.take(jobId, { owner, untilMs: 100 }, { nowMs: 50, isGone: nobodyGone });
    await leases.release('a', 'job-1');
    deepStrictEqual([await take('job-1', 'b'), await take('job-2', 'b')], [2, undefined]);
    await leases.release('a');
    deepStrictEqual([await take('job-2', 'b'), await take('job-3', 'b')], [2, 2]);
    strictEqual(await take('job-1', 'c'), undefined);
  },
};
