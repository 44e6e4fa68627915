import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { JobProgress } from '../../../src/server/jobs/event-codec.js';
import { createProgressReporter } from '../../../src/server/jobs/progress-reporter.js';

describe('createProgressReporter', () => {
  it('takes the time left from the pace of the activity, anew where one starts again under its name or counts something else', () => {
    const sent: JobProgress[] = [];
    let now = 0;
    const reporter = createProgressReporter({ now: () => now }, (progress) => void sent.push(progress));
    const at = (seconds: number, done: number, total: number, unit = 'tokens'): JobProgress | undefined => {
      now = 1000 * seconds;
      reporter.report({ activity: 'labelling pairs', done, total, unit });
      reporter.flush();
      return sent.at(-1);
    };
    at(0, 0, 100);
    expect(at(100, 50, 100)).toMatchObject({ elapsedSeconds: 100, remainingSeconds: 100 });
    expect(at(200, 1, 1000)).toMatchObject({ elapsedSeconds: 0, remainingSeconds: undefined });
    expect(at(210, 100, 1000)).toMatchObject({ elapsedSeconds: 10, remainingSeconds: 90 });
    at(300, 0, 30, 'layers');
    expect(at(600, 30, 30, 'layers')).toMatchObject({ elapsedSeconds: 300, remainingSeconds: 0 });
    expect(at(600, 250, 1000)).toMatchObject({ elapsedSeconds: 0, remainingSeconds: undefined });
    expect(at(610, 500, 1000)).toMatchObject({ elapsedSeconds: 10, remainingSeconds: 10 });
    // The clock was set back by an hour.
    expect(at(-2990, 501, 1000)).toMatchObject({ elapsedSeconds: 0, remainingSeconds: undefined });
  });

  it('sends the first report of an activity at once, then at most one per second, and the newest in the end', () => {
    vi.useFakeTimers({ now: 0 });
    onTestFinished(() => void vi.useRealTimers());
    const sent: (readonly [seconds: number, activity: string, done: number, remaining: number | undefined])[] = [];
    const reporter = createProgressReporter({ now: () => Date.now() }, (progress) => {
      sent.push([Date.now() / 1000, progress.activity, progress.done, progress.remainingSeconds]);
    });
    for (let done = 0; done <= 25; done++) {
      reporter.report({ activity: 'labelling pairs', done, total: 100, unit: 'pairs' });
      vi.advanceTimersByTime(100);
    }
    reporter.report({ activity: 'fitting', done: 0, total: 0, unit: 'trees' });
    expect(sent).toEqual([
      [0, 'labelling pairs', 0, undefined],
      [1, 'labelling pairs', 9, 91 / 9],
      [2, 'labelling pairs', 19, (2 * 81) / 19],
      [2.6, 'labelling pairs', 25, (2.6 * 75) / 25],
      [2.6, 'fitting', 0, undefined],
    ]);
    vi.advanceTimersByTime(10_000);
    expect(sent).toHaveLength(5);
  });
});
