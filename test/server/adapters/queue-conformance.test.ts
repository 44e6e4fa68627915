import { describe, expect, it } from 'vitest';
import { NO_TELEMETRY } from '../../../src/core/ports/telemetry.js';
import { createMemoryStore } from '../../../src/server/adapters/in-memory/memory-store.js';
import { createJobQueue } from '../../../src/server/adapters/in-process-queue/job-queue.js';
import { createLabelQueue } from '../../../src/server/adapters/in-process-queue/label-queue.js';
import { listJobQueueChecks } from '../../../src/server/testing/job-queue-conformance.js';
import { listLabelQueueChecks } from '../../../src/server/testing/label-queue-conformance.js';

const LABEL_CHECKS = listLabelQueueChecks(async (labeller) => {
  const store = createMemoryStore();
  return { store, queue: createLabelQueue({ labels: store.labels, labeller, telemetry: NO_TELEMETRY }) };
});

describe('the label queue of one process', () => {
  it.each(LABEL_CHECKS)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

/** As the kit asks for. */
const LIMITS = {
  concurrentJobs: 2,
  maxQueuedJobs: 4,
  maxQueuedJobsPerKind: 3,
  maxQueuedJobsPerCaller: 2,
  maxQueuedBytes: 1000,
};

describe('the job queue of one process', () => {
  it.each(listJobQueueChecks(async () => ({ queue: createJobQueue(LIMITS) })))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('listLabelQueueChecks', () => {
  it('finds out a queue that measures what the store has', async () => {
    const checks = listLabelQueueChecks(async (labeller) => ({
      store: createMemoryStore(),
      queue: createLabelQueue({ labels: createMemoryStore().labels, labeller, telemetry: NO_TELEMETRY }),
    }));
    await expect(checks.find(({ name }) => name === 'measures no label that the store has')?.run()).rejects.toThrow(
      'Expected values',
    );
  });
});

describe('listJobQueueChecks', () => {
  it.each([
    ['has too many slots', { concurrentJobs: 3 }, 'gives new jobs the free slots, then places in the order they come'],
    [
      'lets too many of a caller wait',
      { maxQueuedJobsPerCaller: 3 },
      'refuses a new job when as many wait as may, with a time to come back after',
    ],
    [
      'lets too many of a kind wait',
      { maxQueuedJobsPerKind: 4 },
      'refuses a new job when as many of its kind or its caller wait as may, and lets in another',
    ],
    [
      'lets too many bytes wait',
      { maxQueuedBytes: 1001 },
      'refuses a new job when as many of its kind or its caller wait as may, and lets in another',
    ],
  ])('finds out a queue that %s', async (_fault, changes, check) => {
    const checks = listJobQueueChecks(async () => ({ queue: createJobQueue({ ...LIMITS, ...changes }) }));
    await expect(checks.find(({ name }) => name === check)?.run()).rejects.toMatchObject({ name: 'AssertionError' });
  });
});
