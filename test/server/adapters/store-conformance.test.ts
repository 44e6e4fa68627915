import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Store } from '../../../src/core/ports/store.js';
import { createMemoryStore } from '../../../src/server/adapters/in-memory/memory-store.js';
import { openDatabase } from '../../../src/server/adapters/sqlite/open-database.js';
import { createSqliteStore } from '../../../src/server/adapters/sqlite/sqlite-store.js';
import type { StoreUnderTest } from '../../../src/server/testing/store-checks/records.js';
import { listStoreChecks } from '../../../src/server/testing/store-conformance.js';
import { makeFolder } from '../../support/test-server.js';

async function openSqlite(): Promise<StoreUnderTest> {
  const folder = await makeFolder();
  let opened = await openDatabase(folder);
  return {
    store: createSqliteStore(opened.database),
    reopen: async () => {
      await opened.close();
      opened = await openDatabase(folder);
      return createSqliteStore(opened.database);
    },
    close: async () => {
      await opened.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe('a store in SQLite', () => {
  it.each(listStoreChecks(openSqlite))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('a store in memory', () => {
  it.each(listStoreChecks(async () => ({ store: createMemoryStore() })))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

/** The checks that a store fails, by name. */
async function listFailed(spoil: (store: Store) => Store): Promise<string[]> {
  const checks = listStoreChecks(async () => ({ store: spoil(createMemoryStore()) }));
  const outcomes = await Promise.allSettled(checks.map(({ run }) => run()));
  return checks.flatMap(({ name }, index) => (outcomes[index]?.status === 'rejected' ? [name] : []));
}

describe('listStoreChecks', () => {
  it.each([
    [
      'commits records one by one',
      'commits all or nothing',
      (store: Store): Store => ({
        ...store,
        commit: async (job, records, timeMs) => {
          let last: number | undefined;
          for (const record of records) last = await store.commit(job, [record], timeMs);
          return last;
        },
      }),
    ],
    [
      'does not look at the lease of a writer',
      'commits nothing for a writer whose lease another has taken, nor for a job that is unknown or has ended',
      (store: Store): Store => ({
        ...store,
        commit: async (job, records, timeMs) =>
          (await store.commit(job, records, timeMs)) ??
          (await store.commit({ ...job, token: job.token + 1 }, records, timeMs)),
      }),
    ],
    [
      'gives out what it keeps',
      'keeps no reference to what it was given, and gives none to what it keeps',
      (store: Store): Store => {
        const given = new Map<string, ReturnType<Store['jobs']['eventsAfter']>>();
        return {
          ...store,
          jobs: {
            ...store.jobs,
            eventsAfter: (jobId, sequence, limit) => {
              const key = [jobId, sequence, limit].join();
              const events = given.get(key) ?? store.jobs.eventsAfter(jobId, sequence, limit);
              given.set(key, events);
              return events;
            },
          },
        };
      },
    ],
    [
      'finds labels by their architecture alone',
      'finds a label only under its whole key, in the order asked for',
      (store: Store): Store => ({
        ...store,
        labels: { getMany: async (keys) => store.labels.getMany(keys.map((key) => ({ ...key, recipeDigest: 'r' }))) },
      }),
    ],
    [
      'gives the events of studies as JSON has them',
      'keeps what each step leaves, in order, numbers that JSON lacks included',
      (store: Store): Store => ({
        ...store,
        studies: {
          ...store.studies,
          events: async (studyId) => JSON.parse(JSON.stringify(await store.studies.events(studyId))),
        },
      }),
    ],
  ])('finds out a store that %s', async (_fault, check, spoil) => {
    expect(await listFailed(spoil)).toContain(check);
  });

  it('has nothing against a store that is as it should be', async () => {
    expect(await listFailed((store) => store)).toEqual([]);
  });
});
