import { describe, expect, it } from 'vitest';
import { createTokenizerSlots } from '../../../src/engine/tokenizer/tokenizer-slots.js';
import { gate } from '../../server/jobs/scripted-jobs.js';

/** Tasks that run until they are released, each with the order in which it began. */
function createTasks(slots: ReturnType<typeof createTokenizerSlots>) {
  const began: string[] = [];
  const start = (name: string, bytes: number, signal?: AbortSignal) => {
    const done = gate<string>();
    const result = slots.run(
      bytes,
      () => {
        began.push(name);
        return done.opened;
      },
      signal,
    );
    return { result, end: () => done.open(name) };
  };
  return { began, start };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

describe('tokenizer slots', () => {
  it('let only so many tasks run at a time, in their order', async () => {
    const { began, start } = createTasks(createTokenizerSlots({ poolBytes: 100, most: 2 }));
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => start(name, 1));
    await turns();
    expect(began).toEqual(['a', 'b']);
    b?.end();
    expect(await b?.result).toBe('b');
    await turns();
    expect(began).toEqual(['a', 'b', 'c']);
    for (const task of [a, c, d]) task?.end();
    expect(await Promise.all([a?.result, c?.result, d?.result])).toEqual(['a', 'c', 'd']);
  });

  it('let no more tasks run than the pool has bytes for, and run one that asks for more than the pool alone', async () => {
    const { began, start } = createTasks(createTokenizerSlots({ poolBytes: 100, most: 10 }));
    const [a, b, all, after] = [start('a', 60), start('b', 40), start('all', 1000), start('after', 1)];
    await turns();
    expect(began).toEqual(['a', 'b']);
    a.end();
    await a.result;
    await turns();
    expect(began).toEqual(['a', 'b']);
    b.end();
    await b.result;
    await turns();
    expect(began).toEqual(['a', 'b', 'all']);
    all.end();
    await all.result;
    after.end();
    expect(await after.result).toBe('after');
  });

  it('forget a task that gives up while waiting, and pass on the slot of one that failed', async () => {
    const slots = createTokenizerSlots({ poolBytes: 100, most: 1 });
    const { began, start } = createTasks(slots);
    const first = gate<string>();
    const failing = slots.run(1, () => first.opened.then(() => Promise.reject(new Error('failed'))));
    const leaving = new AbortController();
    const left = start('left', 1, leaving.signal);
    const next = start('next', 1);
    leaving.abort(new Error('gone'));
    await expect(left.result).rejects.toThrow('gone');
    first.open('');
    await expect(failing).rejects.toThrow('failed');
    next.end();
    expect(await next.result).toBe('next');
    expect(began).toEqual(['next']);
    await expect(slots.run(1, () => Promise.resolve(), leaving.signal)).rejects.toThrow('gone');
  });

  it('refuse a task if too many wait', async () => {
    const { start } = createTasks(createTokenizerSlots({ poolBytes: 100, most: 1, mostWaiting: 1 }));
    const [running, waiting] = [start('running', 1), start('waiting', 1)];
    await expect(start('refused', 1).result).rejects.toMatchObject({ reason: 'OVERLOADED', retryAfterMs: 1000 });
    running.end();
    waiting.end();
    expect(await waiting.result).toBe('waiting');
  });
});
