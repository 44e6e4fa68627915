import { describe, expect, it } from 'vitest';
import { applyToJob } from '../../src/dashboard/apply-to-job.js';
import { describeEvent } from '../../src/dashboard/describe-event.js';
import { describeActivity, describePlace, summarizeProgress } from '../../src/dashboard/describe-progress.js';
import type { Job, JobEvent } from '../../src/dashboard/messages.js';
import { JobEvent as JobEventMessage, JobState } from '../../src/gen/prunecast/v1/job.js';
import { StudyPhase, type StudyEvent } from '../../src/gen/prunecast/v1/study_types.js';
import { toProtoJson } from '../../src/cli/proto/proto-json.js';

const FULL = { code: 8, message: 'the disk is full', details: [] };

/** An event as the page gets it: what proto JSON leaves out is left out. */
function eventOf(payload: JobEventMessage['payload'], sequence = 1n): JobEvent {
  const message = JobEventMessage.create({ jobId: 'a', sequence, payload });
  return toProtoJson('prunecast.v1.JobEvent', JobEventMessage.encode(message).finish()) as unknown as JobEvent;
}

describe('an event in words', () => {
  it.each<[string | undefined, JobEventMessage['payload']]>([
    ['running', { $case: 'started', value: {} }],
    ['queued at place 2', { $case: 'queued', value: { place: 2 } }],
    [undefined, { $case: 'heartbeat', value: {} }],
    [
      'interrupted: waits to be resumed',
      { $case: 'paused', value: { before: StudyPhase.UNSPECIFIED, ranges: [], error: undefined } },
    ],
    [
      'paused: the disk is full; goes on by itself once that is mended',
      { $case: 'paused', value: { before: StudyPhase.UNSPECIFIED, ranges: [], error: FULL } },
    ],
    ['phase sample', studyEvent({ $case: 'phaseStarted', value: { round: 0 } })],
    ['phase sample, round 2', studyEvent({ $case: 'phaseStarted', value: { round: 2 } })],
    [
      'predicted 10,000 candidates; 6 finalists, the best predicted at 9.9077',
      studyEvent({
        $case: 'predicted',
        value: { predicted: 10_000n, outOfRange: 0n, finalists: 6, bestPredicted: 9.90771 },
      }),
    ],
    [
      'cancelled: by a caller',
      {
        $case: 'ended',
        value: {
          state: JobState.CANCELLED,
          error: { code: 1, message: 'by a caller', details: [] },
          result: undefined,
        },
      },
    ],
  ])('says %s', (words, payload) => {
    expect(describeEvent(eventOf(payload))).toBe(words);
  });
});

describe('a job and its events', () => {
  const job: Job = { id: 'a', kind: 'JOB_KIND_SEARCH', state: 'JOB_STATE_QUEUED', lastSequence: '5' };

  it('takes a newer event, and nothing of an older one', () => {
    const started = eventOf({ $case: 'started', value: {} }, 6n);
    expect(applyToJob(job, started)).toEqual({ ...job, state: 'JOB_STATE_RUNNING', lastSequence: '6' });
    expect(applyToJob(job, eventOf({ $case: 'started', value: {} }, 5n))).toBe(job);
    expect(applyToJob(job, eventOf({ $case: 'heartbeat', value: {} }, 0n))).toBe(job);
  });

  it('ends as the last event says, with its reason', () => {
    const error = { code: 1, message: 'by a caller', details: [] };
    const ended = eventOf({ $case: 'ended', value: { state: JobState.CANCELLED, error, result: undefined } }, 6n);
    expect(applyToJob(job, ended)).toMatchObject({ state: 'JOB_STATE_CANCELLED', error: { message: 'by a caller' } });
  });
});

describe('progress in words', () => {
  const running: Job = { id: 'a', kind: 'JOB_KIND_SEARCH', state: 'JOB_STATE_RUNNING' };

  it('says what is known, and nothing of what is not', () => {
    expect(describeActivity({ activity: 'opening the model' })).toBe('opening the model');
    expect(
      describeActivity({
        activity: 'labelling',
        done: '1500',
        total: '3000',
        unit: 'tokens',
        itemsDone: '40',
        itemsTotal: '179',
        rate: 24_831,
        remainingSeconds: 75,
      }),
    ).toBe('labelling, 1,500 of 3,000 tokens, 40 of 179 items, 24,800 tokens/s, 1 min 15 s left');
  });

  it('says where the job is among its phases', () => {
    const phase = { name: 'sample', round: 1, state: 'JOB_PHASE_STATE_RUNNING' };
    expect(describePlace({ phase, phaseNumber: 4, phaseCount: 12, overall: 0.41 })).toBe(
      'phase 4 of 12: sample, round 1; 41.0 % of the work',
    );
    expect(describePlace({})).toBe('');
  });

  it('tells the share of the whole job where it is known, else of what the job does now', () => {
    const progress = { activity: 'labelling', done: '1', total: '4' };
    expect(summarizeProgress({ ...running, progress })).toBe('25.0 %, labelling');
    expect(summarizeProgress({ ...running, progress: { ...progress, overall: 0.5 } })).toBe('50.0 %, labelling');
    expect(summarizeProgress({ ...running, state: 'JOB_STATE_PAUSED', progress })).toBe('');
    expect(summarizeProgress({ ...running, state: 'JOB_STATE_PAUSED', progress, error: FULL })).toBe(
      'the disk is full',
    );
    expect(summarizeProgress({ ...running, state: 'JOB_STATE_QUEUED', queuePlace: 3 })).toBe('place 3 in the queue');
  });
});

function studyEvent(event: StudyEvent['event']): JobEventMessage['payload'] {
  return { $case: 'study', value: { studyId: 's', phase: StudyPhase.SAMPLE, event } };
}
