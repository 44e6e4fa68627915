import { describe, expect, it } from 'vitest';
import type { WorkProgress } from '../../../src/core/ports/work-context.js';
import { sumProgress } from '../../../src/engine/lanes/sum-progress.js';

it('adds up the sequences that lanes know, and tells none where no lane does', () => {
  const told: (number | undefined)[] = [];
  const [first, second] = sumProgress([0.5, 0.5], ({ known }) => told.push(known));
  first?.({ what: 'tokens', done: 1, total: 2 });
  first?.({ what: 'tokens', done: 2, total: 2, known: 3 });
  second?.({ what: 'tokens', done: 1, total: 2, known: 4 });
  second?.({ what: 'tokens', done: 2, total: 2, known: 5 });
  expect(told).toEqual([undefined, 3, 7, 8]);
});

describe('sumProgress', () => {
  it('counts what all lanes have done of the whole, each by its share, and never goes back', () => {
    const seen: WorkProgress[] = [];
    const [first = () => undefined, second = () => undefined] = sumProgress([0.75, 0.25], (told) => seen.push(told));
    first({ what: 'tokens', done: 30, total: 300 });
    second({ what: 'tokens', done: 100, total: 100 });
    first({ what: 'tokens', done: 0, total: 300 });
    first({ what: 'tokens', done: 300, total: 300 });
    expect(seen).toEqual([30, 130, 130, 400].map((done) => ({ what: 'tokens', done, total: 400 })));
  });

  it('keeps activities apart: one lane may fit while another measures', () => {
    const seen: WorkProgress[] = [];
    const [first = () => undefined, second = () => undefined] = sumProgress([0.5, 0.5], (told) => seen.push(told));
    first({ activity: 'fitting', what: 'tokens', done: 10, total: 10 });
    second({ what: 'tokens', done: 4, total: 8 });
    second({ activity: 'fitting', what: 'tokens', done: 5, total: 10 });
    expect(seen).toEqual([
      { activity: 'fitting', what: 'tokens', done: 10, total: 20 },
      { what: 'tokens', done: 4, total: 16 },
      { activity: 'fitting', what: 'tokens', done: 15, total: 20 },
    ]);
  });
});
