import { describe, expect, it } from 'vitest';
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
});
