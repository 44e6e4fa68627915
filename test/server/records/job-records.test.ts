import { describe, expect, it } from 'vitest';
import type { JobState as StoredState, StoredJob } from '../../../src/core/ports/job-store.js';
import { JobKind, JobPhaseState, JobProgress } from '../../../src/gen/prunecast/v1/job.js';
import { encodeJob } from '../../../src/server/records/job-records.js';
import { encodePhase, encodePhases } from '../../../src/server/records/phase-records.js';

const reported = { name: 'verify', round: 2, state: 'running', done: 3, total: 8, unit: 'trials' } as const;
const progress = JobProgress.encode(
  JobProgress.create({
    activity: 'verifying',
    done: 60n,
    total: 100n,
    unit: 'tokens',
    elapsedSeconds: 4,
    rate: 1.6,
    remainingSeconds: 25,
    phase: encodePhase({ ...reported, elapsedSeconds: 4 }),
    phaseNumber: 2,
    phaseCount: 2,
    overall: 0.6,
  }),
).finish();

/** A job whose newest progress came before its phase was left, with one trial more. */
const jobIn = (state: StoredState, left: 'running' | 'done'): StoredJob => ({
  id: 'job',
  kind: JobKind.SEARCH,
  state,
  requestId: '',
  requestDigest: '',
  studyId: '',
  labels: {},
  caller: 'anonymous',
  createdMs: 0,
  startedMs: 0,
  endedMs: undefined,
  lastSequence: 9,
  queuePlace: 0,
  progress,
  error: undefined,
  fruitlessStarts: 0,
  phases: encodePhases([
    { ...reported, round: 1, state: 'done', elapsedSeconds: 2 },
    { ...reported, state: left, done: 4, elapsedSeconds: 5 },
  ]),
});

describe('encodeJob', () => {
  it('tells the pace of a running job', () => {
    expect(encodeJob(jobIn('running', 'running')).progress).toEqual(JobProgress.decode(progress));
  });

  it.each([
    ['cancelled', 'running', JobPhaseState.STOPPED],
    ['failed', 'running', JobPhaseState.STOPPED],
    ['succeeded', 'running', JobPhaseState.DONE],
    ['paused', 'done', JobPhaseState.DONE],
    ['queued', 'done', JobPhaseState.DONE],
  ] as const)('tells no pace of a %s job, and its phase as it was left', (state, left, phaseState) => {
    const job = encodeJob(jobIn(state, left));
    expect(job.progress).toMatchObject({ activity: 'verifying', done: 60n, total: 100n });
    // One that succeeded may have needed less than was planned.
    expect(job.progress?.overall).toBe(state === 'succeeded' ? 1 : 0.6);
    expect([job.progress?.rate, job.progress?.remainingSeconds]).toEqual([undefined, undefined]);
    expect(job.progress?.phase).toEqual(job.phases[1]);
    expect(job.progress?.phase).toMatchObject({ state: phaseState, done: 4n });
  });

  it('tells the phase of a job of an earlier version, which stored none with the job, as it was reported', () => {
    const { progress: newest } = encodeJob({ ...jobIn('cancelled', 'done'), phases: undefined });
    expect(newest?.phase).toMatchObject({ name: 'verify', round: 2, done: 3n });
  });
});
