import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { showTransfer } from '../../src/cli/output/show-transfer.js';
import type { JobProgress } from '../../src/client/index.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('a transfer shows nothing for two seconds, then how fast it is without what was there before it', () => {
  const shown: JobProgress[] = [];
  const show = showTransfer({ update: (progress) => shown.push(progress) }, 'downloading');
  show({ done: 500, total: 1000 }); // kept from an earlier download
  vi.advanceTimersByTime(1900);
  show({ done: 600, total: 1000 });
  expect(shown).toEqual([]);
  vi.advanceTimersByTime(600);
  show({ done: 750, total: 1000 });
  vi.advanceTimersByTime(100);
  show({ done: 760, total: 1000 }); // too soon to be drawn
  expect(shown).toHaveLength(1);
  // 250 bytes in 2.5 seconds, and 250 more to come.
  expect(shown[0]).toMatchObject({
    activity: 'downloading',
    done: 750n,
    total: 1000n,
    unit: 'bytes',
    rate: 100,
    remainingSeconds: 2.5,
  });
  show({ done: 1000, total: 1000 });
  expect(shown[1]).toMatchObject({ done: 1000n });
});
