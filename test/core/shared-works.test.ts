import { describe, expect, it } from 'vitest';
import { createSharedWorks } from '../../src/core/shared-works.js';
import { gate } from '../server/jobs/scripted-jobs.js';

const always = { signal: new AbortController().signal };

describe('shared works', () => {
  it('are done once for all who ask for the same, and kept', async () => {
    const works = createSharedWorks<number>();
    const done = gate<number>();
    let runs = 0;
    const ask = () =>
      works.run(
        'a',
        () => {
          runs += 1;
          return done.opened;
        },
        always,
      );
    const both = [ask(), ask()];
    done.open(7);
    expect(await Promise.all([...both, ask()])).toEqual([7, 7, 7]);
    expect(runs).toBe(1);
  });

  it('continue for those who still wait when one leaves, and stop when the last one does', async () => {
    const works = createSharedWorks<number>();
    const seen: AbortSignal[] = [];
    const done = gate<number>();
    const work = ({ signal }: { readonly signal: AbortSignal }) => {
      seen.push(signal);
      return done.opened;
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const asked = [works.run('a', work, first), works.run('a', work, second)] as const;
    first.abort(new Error('first left'));
    await expect(asked[0]).rejects.toThrow('first left');
    expect(seen.map(({ aborted }) => aborted)).toEqual([false]);
    second.abort(new Error('second left'));
    await expect(asked[1]).rejects.toThrow('second left');
    expect(seen.map(({ aborted }) => aborted)).toEqual([true]);
    // Whoever asks now does not get what was given up.
    const again = works.run('a', work, always);
    expect(seen).toHaveLength(2);
    done.open(1);
    expect(await again).toBe(1);
  });

  it('tell all who wait how far they are, those who come later the newest at once', async () => {
    const works = createSharedWorks<number, number>();
    const done = gate<number>();
    let tell: ((share: number) => void) | undefined;
    const heard: (readonly [who: string, done: number])[] = [];
    const ask = (who: string) =>
      works.run(
        'a',
        ({ report }) => {
          tell = report;
          return done.opened;
        },
        { ...always, report: (share) => heard.push([who, share]) },
      );
    const first = ask('first');
    tell?.(1);
    const second = ask('second');
    tell?.(2);
    done.open(7);
    await Promise.all([first, second]);
    tell?.(3);
    expect(heard).toEqual([
      ['first', 1],
      ['second', 1],
      ['first', 2],
      ['second', 2],
    ]);
  });

  it('are kept for as many bytes as are allowed, and one that is larger by itself not at all', async () => {
    const works = createSharedWorks<number>(10, { most: 100, of: (size) => size });
    const run = (key: string, size: number) => works.run(key, async () => size, always);
    for (const [key, size] of [
      ['a', 60],
      ['b', 40],
      ['huge', 101],
      ['c', 30],
    ] as const)
      await run(key, size);
    expect(await Promise.all(['b', 'c', 'a', 'huge'].map((key) => run(key, 1)))).toEqual([40, 30, 1, 1]);
  });

  it('that failed are tried again, and the oldest are forgotten first', async () => {
    const works = createSharedWorks<string>(2);
    await expect(works.run('a', () => Promise.reject(new Error('once')), always)).rejects.toThrow('once');
    for (const key of ['a', 'b', 'c']) expect(await works.run(key, async () => key, always)).toBe(key);
    expect(await works.run('a', async () => 'again', always)).toBe('again');
    expect(await works.run('c', async () => 'again', always)).toBe('c');
  });
});
