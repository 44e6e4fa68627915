import { describe, expect, it, vi } from 'vitest';
import type { StoredJob } from '../../../src/core/ports/job-store.js';
import { Status } from '../../../src/gen/google/rpc/status.js';
import { toWork } from '../../../src/server/kinds/job-context.js';
import { JobKind } from '../../../src/gen/prunecast/v1/job.js';
import { recordsIn, useDatabase } from '../../support/test-database.js';
import { unpack } from '../../support/test-server.js';
import { evaluation, type Run } from './scripted-jobs.js';
import { startOwner, type Owner } from './scripted-owner.js';

const state = useDatabase();

const hang: Run = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

async function startJob({ jobs }: Owner, requestId = ''): Promise<string> {
  const { jobId } = await jobs.start({
    lane: 'model',
    kind: JobKind.EVALUATE,
    requestId,
    requestDigest: 'd',
    request: { bytes: Uint8Array.of(1), plan: {} },
    run: toWork(hang),
  });
  return jobId;
}

const reasonOf = ({ error }: StoredJob) => error && unpack(Status.decode(error)).reason;

describe('a job that its servers die with', () => {
  it('is set aside as JOB_POISONED after the third death in a row, and the server works on', async () => {
    const first = await startOwner(state, 'first', hang);
    const jobId = await startJob(first);
    for (const name of ['second', 'third']) {
      const { runs } = await startOwner(state, name, hang);
      expect(runs.map((run) => run.jobId)).toEqual([jobId]);
      runs[0]?.progress({ activity: 'fitting', done: 1, total: 2, unit: 'trees' }); // for people; it brings the job no further
    }
    const fourth = await startOwner(state, 'fourth', hang);
    expect(fourth.runs).toEqual([]);
    const job = await fourth.jobs.get(jobId);
    expect(job.state).toBe('failed');
    expect(reasonOf(job)).toBe('JOB_POISONED');
    expect((await fourth.jobs.get(await startJob(fourth))).state).toBe('running');
  });

  it('is taken up however often they die as long as it stores results in between', async () => {
    const jobId = await startJob(await startOwner(state, 'first', hang));
    for (let death = 0; death < 5; death++) {
      const { runs } = await startOwner(state, `server ${death}`, async (context) => {
        if (death % 2 === 1) await context.emit(evaluation(death));
        return hang(context);
      });
      expect(runs).toHaveLength(1);
      await vi.waitFor(async () =>
        expect(await recordsIn(state.database).jobs.fruitlessStarts(jobId)).toBe(
          death % 2 === 1 ? 0 : death === 0 ? 2 : 1,
        ),
      );
    }
  });

  it('is taken up however often they die as long as what it does is saved in between', async () => {
    const jobId = await startJob(await startOwner(state, 'first', hang));
    for (let death = 0; death < 5; death++) {
      const { runs } = await startOwner(state, `server ${death}`, async (context) => {
        const step = { activity: 'training', total: 9, unit: 'steps' };
        context.progress({ ...step, done: 1 });
        context.progress({ ...step, done: 1, saved: true }); // held back, as the first is just sent
        context.progress({ activity: 'measuring', done: 0, total: 1, unit: 'texts' });
        return hang(context);
      });
      expect(runs).toHaveLength(1);
      await vi.waitFor(async () => expect(await recordsIn(state.database).jobs.fruitlessStarts(jobId)).toBe(0));
    }
  });

  it('is taken up however often servers are stopped in order', async () => {
    const first = await startOwner(state, 'first', hang);
    const jobId = await startJob(first);
    await first.stop();
    for (let stops = 0; stops < 4; stops++) {
      const owner = await startOwner(state, `server ${stops}`, hang);
      expect(owner.runs).toHaveLength(1);
      expect((await owner.jobs.get(jobId)).state).toBe('running');
      await owner.stop();
    }
  });

  it('does not count the deaths of servers that had only queued it', async () => {
    const first = await startOwner(state, 'first', hang);
    await startJob(first);
    const waiting = await startJob(first);
    for (const name of ['second', 'third', 'fourth']) await startOwner(state, name, hang);
    const last = await startOwner(state, 'last', hang);
    expect(last.runs.map(({ jobId }) => jobId)).toEqual([waiting]);
  });
});
