import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { repeatUntil } from '../../../src/server/jobs/repeat-until.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('repeatUntil', () => {
  it('works once in each interval, goes on after a failure, and ends with the signal', async () => {
    const stopping = new AbortController();
    const failures: unknown[] = [];
    let times = 0;
    const work = async () => {
      times += 1;
      if (times === 2) throw new Error('once');
    };
    repeatUntil(stopping.signal, { everyMs: 1000, work, failed: (error) => failures.push(error) });
    await vi.advanceTimersByTimeAsync(999);
    expect(times).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(times).toBe(1);
    await vi.advanceTimersByTimeAsync(2000);
    expect(times).toBe(3);
    expect(failures).toHaveLength(1);
    stopping.abort();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(times).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });
});
