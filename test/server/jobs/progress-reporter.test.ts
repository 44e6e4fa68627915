import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  createProgressReporter,
  type PacedProgress,
  type ProgressReporter,
} from '../../../src/server/jobs/progress-reporter.js';

describe('createProgressReporter', () => {
  let sent: (readonly [seconds: number, activity: string, done: number, elapsed: number])[];
  let reporter: ProgressReporter;
  const clock = { now: () => Date.now() };
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    onTestFinished(() => void vi.useRealTimers());
    sent = [];
    reporter = createProgressReporter(clock, ({ activity, done, elapsedSeconds }: PacedProgress) => {
      sent.push([Date.now() / 1000, activity, done, elapsedSeconds]);
    });
  });
  const label = (done: number, unit = 'pairs') =>
    reporter.report({ activity: 'labelling pairs', done, total: 100, unit });

  it('sends the first report of an activity at once, then at most one per second, and the newest in the end', () => {
    for (let done = 0; done <= 25; done++) {
      label(done);
      vi.advanceTimersByTime(100);
    }
    reporter.report({ activity: 'fitting', done: 0, total: 0, unit: 'trees' });
    reporter.report({ activity: 'fitting', done: 3, total: 0, unit: 'trees' });
    reporter.end();
    expect(sent).toEqual([
      [0, 'labelling pairs', 0, 0],
      [1, 'labelling pairs', 9, 1],
      [2, 'labelling pairs', 19, 2],
      [2.6, 'labelling pairs', 25, 2.6],
      [2.6, 'fitting', 0, 0],
      [2.6, 'fitting', 3, 0],
    ]);
  });

  it('takes an activity that starts again under its name, or counts something else, for another one', () => {
    label(50);
    vi.advanceTimersByTime(1500);
    label(1);
    vi.advanceTimersByTime(500);
    label(2, 'layers');
    expect(sent.map(([seconds, , done, elapsed]) => [seconds, done, elapsed])).toEqual([
      [0, 50, 0],
      [1.5, 1, 0],
      [2, 2, 0],
    ]);
  });

  it('sends what is held back before it turns to another activity, and nothing before it goes on with the same', () => {
    label(1);
    label(2);
    reporter.turnTo({ activity: 'labelling pairs', done: 3, total: 100, unit: 'pairs' });
    expect(sent.map(([, , done]) => done)).toEqual([1]);
    reporter.turnTo({ activity: 'fitting', done: 0, total: 0, unit: 'trees' });
    expect(sent.map(([, , done]) => done)).toEqual([1, 2]);
  });

  it('goes on with an activity that another one interrupted', () => {
    label(10);
    vi.advanceTimersByTime(2500);
    reporter.report({ activity: 'factorising', done: 1, total: 9, unit: 'rows' });
    vi.advanceTimersByTime(500);
    label(20);
    vi.advanceTimersByTime(500);
    expect(sent.slice(-2)).toEqual([
      [2.5, 'factorising', 1, 0],
      [3.5, 'labelling pairs', 20, 3.5],
    ]);
  });

  it('tells of a silent activity every two seconds, until the work ends', () => {
    label(7);
    vi.advanceTimersByTime(4500);
    reporter.end();
    label(8);
    vi.advanceTimersByTime(10_000);
    expect(sent).toEqual([
      [0, 'labelling pairs', 7, 0],
      [2, 'labelling pairs', 7, 2],
      [4, 'labelling pairs', 7, 4],
    ]);
  });

  it('mentions a phase only if nothing is reported within a second', () => {
    reporter.mention({ activity: 'sample', done: 0, total: 0, unit: '' });
    vi.advanceTimersByTime(500);
    label(1);
    reporter.mention({ activity: 'refine', done: 0, total: 0, unit: '' });
    vi.advanceTimersByTime(1200);
    label(2);
    expect(sent).toEqual([
      [0.5, 'labelling pairs', 1, 0],
      [1.5, 'refine', 0, 1],
      [1.7, 'labelling pairs', 2, 0],
    ]);
  });

  it('sends nothing that was held back when it is dropped', () => {
    label(1);
    label(2);
    reporter.drop();
    vi.advanceTimersByTime(10_000);
    expect(sent).toHaveLength(1);
  });

  it('tells no time that runs backwards', () => {
    vi.setSystemTime(10_000);
    label(1);
    vi.setSystemTime(5000);
    label(2);
    vi.advanceTimersByTime(1000);
    expect(sent.at(-1)).toEqual([6, 'labelling pairs', 2, 0]);
  });
});
