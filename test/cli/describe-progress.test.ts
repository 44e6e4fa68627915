import { describe, expect, it } from 'vitest';
import { JobEvent, JobProgress, JobState } from '../../src/gen/prunecast/v1/job.js';
import { describeProgress } from '../../src/cli/output/describe-progress.js';
import { showEvent } from '../../src/cli/output/show-event.js';

const progress = JobProgress.create({
  activity: 'labelling pairs',
  done: 90n,
  total: 200n,
  unit: 'pairs',
  rate: 1.5,
  remainingSeconds: 72,
  phaseNumber: 3,
  phaseCount: 12,
  overall: 0.257,
});

describe('the progress of a job in a list', () => {
  it('tells of one that has stopped where that was, not how long it would still take or its share of work to come', () => {
    for (const state of [JobState.FAILED, JobState.CANCELLED])
      expect(describeProgress({ state, progress })).toBe('3/12  labelling pairs  [#########-----------]  90/200 pairs');
  });

  it('is none of one that has succeeded: its state says so', () => {
    expect(describeProgress({ state: JobState.SUCCEEDED, progress })).toBe('');
  });

  it('is complete of one that runs', () => {
    expect(describeProgress({ state: JobState.RUNNING, progress })).toBe(
      '3/12  labelling pairs  [#########-----------]  90/200 pairs  1.5/s  1 min 12 s left  25 % in all',
    );
  });
});

describe('the progress that a watch shows', () => {
  it('has a pace while it is fresh, and none when the job was so far long ago', () => {
    const shown: JobProgress[] = [];
    const display = { update: (now: JobProgress) => shown.push(now), wait: fail, note: fail, end: fail };
    for (const age of [0, 3_600]) {
      const seconds = BigInt(Math.floor(Date.now() / 1000) - age);
      showEvent(
        display,
        JobEvent.create({ time: { seconds, nanos: 0 }, payload: { $case: 'progress', value: progress } }),
      );
    }
    expect(shown.map(({ rate, remainingSeconds, overall }) => [rate, remainingSeconds, overall])).toEqual([
      [1.5, 72, 0.257],
      [undefined, undefined, 0.257],
    ]);
  });
});

function fail(): never {
  throw new Error('not expected');
}
