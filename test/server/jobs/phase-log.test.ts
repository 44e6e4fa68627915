import { beforeEach, describe, expect, it } from 'vitest';
import { createPhaseLog, type JobPhase, type PhaseLog } from '../../../src/server/jobs/phase-log.js';

const states = (phases: readonly JobPhase[]) => phases.map(({ name, state }) => `${name} ${state}`);
const counts = (phases: readonly JobPhase[]) => phases.map(({ done, total, unit }) => [done, total, unit]);

describe('the phases of a job', () => {
  let now: number;
  const clock = { now: () => 1000 * now };
  const begin = (opened: Parameters<typeof createPhaseLog>[1] = { seconds: 3 }): PhaseLog =>
    createPhaseLog(clock, opened);
  beforeEach(() => {
    now = 100;
  });

  it('begin with its opening, and run one after the other, each with its own time', () => {
    const log = begin();
    log.declare([{ name: 'score' }, { name: 'compensate' }, { name: 'export' }]);
    expect(states(log.now())).toEqual(['open done', 'score pending', 'compensate pending', 'export pending']);
    now = 101;
    log.enter('score');
    now = 106;
    log.enter('export');
    now = 108;
    expect(states(log.now())).toEqual(['open done', 'score done', 'compensate skipped', 'export running']);
    expect(log.now().map(({ elapsedSeconds }) => elapsedSeconds)).toEqual([3, 5, 0, 2]);
    log.leave();
    now = 120;
    expect(log.now().at(-1)).toMatchObject({ state: 'done', elapsedSeconds: 2 });
    expect(log.place()).toBeUndefined();
  });

  it('are as far as their activity, or as far as they count themselves', () => {
    const log = begin();
    log.declare([{ name: 'score' }, { name: 'sample', round: 1, total: 20, unit: 'trials' }]);
    log.enter('score');
    log.follow({ done: 5, total: 10, unit: 'tokens' });
    expect(log.place()?.phase).toMatchObject({ done: 5, total: 10, unit: 'tokens' });
    log.enter('sample', 1);
    log.count(4);
    log.follow({ done: 5, total: 10, unit: 'tokens' });
    expect(log.place()).toMatchObject({
      phase: { name: 'sample', round: 1, done: 4, total: 20, unit: 'trials' },
      number: 3,
      count: 3,
    });
  });

  it('tell how much of the expected tokens is done, and never less than before', () => {
    const log = begin();
    log.declare([
      { name: 'score', tokens: 100 },
      { name: 'fit' },
      { name: 'evaluate', tokens: 300, total: 2, unit: 'targets' },
    ]);
    const overall = () => log.place()?.overall;
    log.enter('score');
    expect(overall()).toBe(0);
    log.follow({ done: 5, total: 10, unit: 'tokens' });
    expect(overall()).toBe(50 / 400);
    log.follow({ done: 9, total: 10, unit: 'layers' });
    expect(overall()).toBe(50 / 400);
    log.enter('evaluate');
    expect(overall()).toBe(100 / 400);
    // It may work on one of the targets, or on both.
    log.follow({ done: 5, total: 10, unit: 'tokens' });
    expect(overall()).toBe(100 / 400);
    log.count(1);
    expect(overall()).toBe(250 / 400);
    log.follow({ done: 100, total: 100, unit: '%' });
    expect(overall()).toBe(250 / 400);
    log.count(2);
    expect(overall()).toBe(1);
  });

  it('tell how far the tokens of a single target are, whatever else is done for it, and never less than before', () => {
    const log = begin();
    log.declare([{ name: 'evaluate', tokens: 300, total: 1, unit: 'targets' }]);
    log.enter('evaluate');
    const after = (done: number, unit: string) => {
      log.follow({ done, total: 10, unit });
      return log.place()?.overall;
    };
    expect([after(5, 'tokens'), after(9, '%'), after(2, 'tokens'), after(6, 'tokens')]).toEqual([0.5, 0.5, 0.5, 0.6]);
  });

  it('have no overall share if none of them is expected to run tokens', () => {
    const log = begin();
    log.declare([{ name: 'export' }]);
    log.enter('export');
    log.follow({ done: 1, total: 2, unit: 'bytes' });
    expect(log.place()).toMatchObject({ overall: undefined });
  });

  it('are gone on with after a restart: while the job is opened again, what was reached stands', () => {
    const earlier = begin();
    earlier.declare([{ name: 'score' }, { name: 'sample', total: 8, unit: 'trials' }, { name: 'fit' }]);
    earlier.enter('score');
    earlier.enter('sample');
    earlier.count(6);
    now = 110;
    const log = begin({ before: earlier.now() });
    expect(states(log.now())).toEqual(['open running', 'score done', 'sample pending', 'fit pending']);
    now = 112;
    const [open, score, sample] = log.now();
    expect(open?.elapsedSeconds).toBe(5);
    expect(sample).toMatchObject({ done: 6, elapsedSeconds: 10 });
    log.declare([
      { name: 'score', state: 'done', elapsedSeconds: score?.elapsedSeconds ?? NaN },
      { name: 'sample', total: 8, unit: 'trials', done: 6, elapsedSeconds: sample?.elapsedSeconds ?? NaN },
      { name: 'fit' },
    ]);
    log.enter('sample');
    now = 115;
    expect(states(log.now())).toEqual(['open done', 'score done', 'sample running', 'fit pending']);
    expect(log.now()[2]).toMatchObject({ done: 6, elapsedSeconds: 13 });
  });

  it('go on with the time of an earlier run, unless they are declared with one', () => {
    const earlier = begin();
    earlier.declare([{ name: 'recover' }, { name: 'export' }, { name: 'report' }]);
    earlier.enter('recover');
    now = 120;
    earlier.enter('export');
    now = 123;
    const log = begin({ before: earlier.now() });
    log.declare([{ name: 'recover', state: 'done' }, { name: 'export' }, { name: 'report', elapsedSeconds: 4 }]);
    log.enter('export');
    now = 125;
    expect(log.now().map(({ elapsedSeconds }) => elapsedSeconds)).toEqual([3, 20, 5, 4]);
  });

  it('end with all done of what they counted, and after a restart also of what their activities counted', () => {
    const sample = { name: 'sample', total: 8, unit: 'trials' };
    const earlier = begin();
    earlier.declare([{ name: 'score' }, sample, { name: 'fit' }]);
    earlier.enter('score');
    earlier.follow({ done: 5, total: 5, unit: 'layers' });
    earlier.enter('sample');
    earlier.count(6);
    earlier.enter('fit');
    earlier.follow({ done: 1, total: 3, unit: 'trees' });
    expect(counts(earlier.now()).slice(1, 3)).toEqual([
      [5, 5, 'layers'],
      [6, 6, 'trials'],
    ]);
    const log = begin({ before: earlier.now() });
    // A job is declared as if it were new, and then as its work has found how far it was.
    log.declare([{ name: 'score' }, sample, { name: 'fit' }]);
    log.declare([{ name: 'score', state: 'done' }, { ...sample, state: 'done', done: 6 }, { name: 'fit' }]);
    // The fit begins again.
    expect(counts(log.now()).slice(1)).toEqual([
      [5, 5, 'layers'],
      [6, 6, 'trials'],
      [0, 0, ''],
    ]);
  });

  it('are counted in whole units, whatever an activity reports', () => {
    const log = begin();
    log.declare([{ name: 'score' }]);
    log.enter('score');
    log.follow({ done: 8.3, total: 30, unit: 'layers' });
    expect(log.now()[1]).toMatchObject({ done: 8, total: 30 });
    log.follow({ done: NaN, total: Infinity, unit: 'layers' });
    expect(log.now()[1]).toMatchObject({ done: 0, total: 0 });
  });

  it('count no time that runs backwards', () => {
    const log = begin();
    log.declare([{ name: 'score' }]);
    log.enter('score');
    now = 50;
    log.now();
    now = 52;
    expect(log.now()[1]?.elapsedSeconds).toBe(2);
  });

  it('refuse one that was not declared', () => {
    expect(() => begin().enter('export')).toThrow('no phase export');
  });
});
