import { describe, expect, it } from 'vitest';
import { JobState } from '../../../../src/gen/prunecast/v1/job.js';
import { Trial } from '../../../../src/gen/prunecast/v1/study_types.js';
import { newStudy, studyStep } from '../../../../src/server/records/study-records.js';
import { recordsIn, useDatabase } from '../../../support/test-database.js';
import { newJob } from '../../../support/job-records.js';

const state = useDatabase();

const STARTED = { $case: 'started', value: {} } as const;
const step = (number: number) => studyStep('study-1', { events: [{ number }], trials: [Trial.create({ number })] });
const nobodyGone = { isGone: () => false };

/** A job that server `a` holds until the time 100. */
async function createJob() {
  const jobs = recordsIn(state.database).jobs;
  const held = await jobs.create(newJob('job-1', { studyId: 'study-1' }), STARTED, { owner: 'a', untilMs: 100 });
  return { ...recordsIn(state.database), held, leases: recordsIn(state.database).store.leases };
}

describe('a lease', () => {
  it('stays with the server that renews it, even if the clock has gone back', async () => {
    const { leases } = await createJob();
    expect(await leases.renew({ owner: 'a', untilMs: 50 })).toEqual(['job-1']);
    expect(await leases.take('job-1', { owner: 'b', untilMs: 70 }, { nowMs: 45, ...nobodyGone })).toBeUndefined();
    expect(await leases.take('job-1', { owner: 'b', untilMs: 70 }, { nowMs: 51, ...nobodyGone })).toBe(2);
    expect(await leases.renew({ owner: 'a', untilMs: 60 })).toEqual([]);
  });

  it('that was lost lets nothing more be stored: no event, no trial, no end', async () => {
    const { store, jobs, held, leases, studies } = await createJob();
    await store.keep([
      newStudy({
        id: 'study-1',
        jobId: 'job-1',
        model: 'm',
        checkpointDigest: 'c',
        seed: 0,
        request: Uint8Array.of(),
        plan: {},
        progress: null,
        report: undefined,
        state: 2,
        createdMs: 0,
      }),
    ]);
    expect(await jobs.commit(held, [STARTED], [step(1)], 10)).toBe(2);
    const token = (await leases.take('job-1', { owner: 'b', untilMs: 300 }, { nowMs: 101, ...nobodyGone })) ?? NaN;
    expect(await jobs.commit(held, [STARTED], [step(2)], 102)).toBeUndefined();
    expect(
      await jobs.append(
        [
          {
            ...held,
            payload: { $case: 'ended', value: { state: JobState.FAILED, error: undefined, result: undefined } },
          },
        ],
        102,
      ),
    ).toEqual([]);
    expect(await jobs.commit({ jobId: 'job-1', token }, [STARTED], [step(3)], 103)).toBe(3);
    expect(await jobs.get('job-1')).toMatchObject({ state: JobState.RUNNING, lastSequence: 3n });
    expect((await studies.events('study-1')).map(({ event }) => event)).toEqual([{ number: 1 }, { number: 3 }]);
    expect((await studies.trials('study-1')).map(({ number }) => number)).toEqual([1, 3]);
  });
});
