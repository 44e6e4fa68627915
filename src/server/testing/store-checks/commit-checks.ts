import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict';
import type { StoreRecord } from '../../../core/ports/store.js';
import { createJob, event, KEY, LABEL, newStudy, SUCCEEDED, type StoreChecks } from './records.js';

const STUDY: StoreRecord = { kind: 'study', study: newStudy('study-1') };
const step = (number: number): StoreRecord => ({
  kind: 'study-step',
  studyId: 'study-1',
  events: [{ number }],
  trials: [{ number, role: 1, trial: Uint8Array.of(number) }],
});
const WORKED = event({ to: 'worked' });

export const COMMIT_CHECKS: StoreChecks = {
  'commits a label, a step and events together, and numbers the events in order': async ({ store, reopen }) => {
    const held = await createJob(store);
    const records = [
      event({ to: 'worked' }, 1),
      STUDY,
      { kind: 'label', key: KEY, label: LABEL } as const,
      step(1),
      event({ to: 'worked' }, 2),
    ];
    strictEqual(await store.commit(held, records, 9), 3);
    strictEqual(await store.commit(held, [step(2)], 10), 3);
    const after = (await reopen?.()) ?? store;
    deepStrictEqual(
      (await after.jobs.eventsAfter('job-1', 1, 10)).map(({ timeMs, payload }) => [timeMs, payload[0]]),
      [
        [9, 1],
        [9, 2],
      ],
    );
    deepStrictEqual(await after.labels.getMany([KEY]), [LABEL]);
    deepStrictEqual(
      (await after.studies.events('study-1')).map((entry) => entry.event),
      [{ number: 1 }, { number: 2 }],
    );
    strictEqual(await after.studies.countTrials('study-1'), 2);
  },

  'commits all or nothing': async ({ store }) => {
    const held = await createJob(store);
    await store.keep([STUDY]);
    const label = { kind: 'label', key: KEY, label: LABEL } as const;
    await rejects(store.commit(held, [WORKED, label, step(1), STUDY], 9));
    await rejects(store.keep([label, step(1), STUDY]));
    strictEqual((await store.jobs.get('job-1')).lastSequence, 1);
    deepStrictEqual(await store.labels.getMany([KEY]), [undefined]);
    deepStrictEqual(await store.studies.events('study-1'), []);
    strictEqual(await store.commit(held, [WORKED], 10), 2);
  },

  'commits nothing for a writer whose lease another has taken, nor for a job that is unknown or has ended': async ({
    store,
  }) => {
    const held = await createJob(store);
    await store.keep([STUDY]);
    const now = { nowMs: 101, isGone: () => false };
    const token = (await store.leases.take('job-1', { owner: 'b', untilMs: 300 }, now)) ?? Number.NaN;
    strictEqual(await store.commit(held, [WORKED, step(1)], 102), undefined);
    strictEqual(await store.commit({ jobId: 'job-2', token: 1 }, [WORKED, step(2)], 102), undefined);
    strictEqual(await store.commit({ jobId: 'job-1', token }, [step(3), SUCCEEDED], 103), 2);
    strictEqual(await store.commit({ jobId: 'job-1', token }, [step(4)], 104), undefined);
    deepStrictEqual(
      (await store.studies.events('study-1')).map((entry) => entry.event),
      [{ number: 3 }],
    );
  },
};
