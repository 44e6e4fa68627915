import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trackPace, type Pace } from '../../../src/server/jobs/track-pace.js';

/** A report: so much was done at that second. */
type Report = readonly [seconds: number, done: number];

/** What is told at each second from the first report to one after the last, and at each report. */
function replay(reports: readonly Report[], total: number, until = 0): (Pace & { readonly seconds: number })[] {
  const pace = trackPace();
  const [first] = reports;
  const last = Math.max(until, reports.at(-1)?.[0] ?? 0);
  const told: (Pace & { readonly seconds: number })[] = [];
  let next = 0;
  for (let seconds = first?.[0] ?? 0; seconds <= last; seconds += 1) {
    for (let report = reports[next]; report !== undefined && report[0] <= seconds; report = reports[++next])
      pace.observe(report[0], report[1]);
    told.push({ seconds, ...pace.tell(seconds, total) });
  }
  return told;
}

/** One report each `every` seconds, of work that goes on at the rate that holds at each second. */
function work(rateAt: (seconds: number) => number, { from = 0, to = 600, every = 1, done = 0 } = {}): Report[] {
  const reports: Report[] = [];
  let sum = done;
  for (let seconds = from; seconds <= to; seconds += every) {
    reports.push([seconds, Math.round(sum)]);
    for (let at = seconds; at < seconds + every; at++) sum += rateAt(at);
  }
  return reports;
}

const remaining = (told: readonly Pace[]): number[] => told.flatMap(({ remainingSeconds }) => remainingSeconds ?? []);

describe('trackPace', () => {
  it('lets the time left fall by the seconds that pass at a steady pace, between reports too', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 100_000 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 1_000_000 }),
        (rate, every, done) => {
          const total = done + rate * 1000;
          const told = replay(
            work(() => rate, { to: 300, every, done }),
            total,
          );
          for (const { seconds, remainingSeconds, rate: found } of told.slice(every + 1)) {
            expect(remainingSeconds).toBeCloseTo(1000 - seconds, 6);
            expect(found).toBeCloseTo(rate, 6);
          }
        },
      ),
    );
  });

  it('tells nothing before a second has passed, nor of a total that is unknown', () => {
    const pace = trackPace();
    pace.observe(0, 0);
    pace.observe(0.4, 500);
    expect(pace.tell(0.4, 1000)).toEqual({ rate: undefined, remainingSeconds: undefined });
    pace.observe(1.2, 600);
    expect(pace.tell(1.2, 1000).rate).toBeGreaterThan(0);
    expect(pace.tell(1.2, 0).remainingSeconds).toBeUndefined();
  });

  it('does not take for its pace what was done before', () => {
    const told = replay(
      work(() => 10, { done: 9000, to: 60 }),
      10_000,
    );
    expect(Math.max(...remaining(told))).toBeLessThanOrEqual(100);
  });

  it('moves to another pace without a leap, and is there within a minute and a half', () => {
    const slower = replay(
      work((seconds) => (seconds < 300 ? 100 : 50)),
      100_000,
    );
    const told = remaining(slower);
    const steps = told.slice(1).map((seconds, index) => seconds - (told[index] ?? 0));
    // It doubles in the end, 700 s more: no second adds more than a fifteenth of that.
    expect(Math.max(...steps)).toBeLessThan(700 / 15);
    expect(slower.find(({ seconds }) => seconds === 390)?.rate).toBeLessThan(51);
  });

  it('does not jump when steps come in uneven lumps', () => {
    // Batches of 1 to 5 units, each as long as it is large, give or take a fifth.
    const sizes = [3, 1, 5, 2, 4, 4, 1, 3, 5, 2];
    const reports: [number, number][] = [[0, 0]];
    for (let batch = 0; batch < 200; batch++) {
      const size = sizes[batch % sizes.length] ?? 1;
      const [seconds, done] = reports.at(-1) ?? [0, 0];
      reports.push([seconds + size * (0.8 + (0.4 * ((batch * 7) % 10)) / 9), done + size]);
    }
    const told = replay(reports, 1200).slice(30);
    for (const { seconds, remainingSeconds = 0 } of told)
      expect(Math.abs(remainingSeconds - (1200 - seconds))).toBeLessThan(0.12 * (1200 - seconds));
  });

  it('goes on after a pause with the pace from before it, whatever is done in it', () => {
    const before = work(() => 20, { to: 120 });
    const after = work(() => 20, { from: 4000, to: 4100, done: 2401 });
    const told = replay([...before, ...after], 10_000);
    const at = (second: number) => told.find(({ seconds }) => seconds === second)?.remainingSeconds ?? NaN;
    expect(at(119)).toBeCloseTo(381, 0);
    expect(at(2000)).toBeCloseTo(380, 0);
    expect(at(4001)).toBeCloseTo(380, -1);
    expect(at(4100)).toBeCloseTo(280, -1);
  });

  it('learns a pace whose every step would have been a pause before', () => {
    const told = replay(
      [...work(() => 20, { to: 60 }), ...work(() => 0.2, { from: 160, to: 860, every: 100, done: 1240 })],
      1400,
    );
    expect(told.at(-1)?.rate).toBeLessThan(0.25);
  });

  it('never tells less than nothing, nor a number that is none, whatever is reported', () => {
    const reports = fc.array(fc.tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.nat()), { maxLength: 40 });
    fc.assert(
      fc.property(reports, fc.nat(), (all, total) => {
        const pace = trackPace();
        for (const [seconds, done] of all) {
          pace.observe(seconds, done);
          const { rate = 1, remainingSeconds = 0 } = pace.tell(seconds, total);
          expect(rate).toBeGreaterThan(0);
          expect(Number.isFinite(rate)).toBe(true);
          expect(remainingSeconds).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
