import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict';
import type { JobQueue } from '../../core/ports/job-queue.js';
import { isSettled, listChecks, type ConformanceCheck } from './conformance.js';

export interface JobQueueUnderTest {
  /** Empty, with two slots in each lane, and room for two jobs and two turns that wait. */
  readonly queue: JobQueue;
  close?(): Promise<void>;
}

/** The conformance kit of job queues, for any test runner. */
export function listJobQueueChecks(open: () => Promise<JobQueueUnderTest>): readonly ConformanceCheck[] {
  return listChecks(open, CHECKS);
}

const never = new AbortController().signal;

const admitAll = async (queue: JobQueue, jobIds: readonly string[]): Promise<readonly number[]> => {
  const places: number[] = [];
  for (const jobId of jobIds) places.push(await queue.admit(jobId, 'model'));
  return places;
};

const listWaiting = async (queue: JobQueue): Promise<readonly string[]> =>
  (await queue.waiting()).map(({ jobId }) => jobId);

const CHECKS: Readonly<Record<string, (opened: JobQueueUnderTest) => Promise<void>>> = {
  'gives new jobs the free slots, then places in the order they come': async ({ queue }) => {
    deepStrictEqual(await admitAll(queue, ['a', 'b', 'c', 'd']), [0, 0, 1, 2]);
    deepStrictEqual(await listWaiting(queue), ['c', 'd']);
    deepStrictEqual(await queue.claim(), []);
  },

  'refuses a new job when as many wait as may, with a time to come back after': async ({ queue }) => {
    await admitAll(queue, ['a', 'b', 'c', 'd']);
    await rejects(queue.admit('e', 'model'), (error: { reason?: unknown; retryAfterMs?: unknown }) => {
      strictEqual(error.reason, 'OVERLOADED');
      return typeof error.retryAfterMs === 'number';
    });
    deepStrictEqual(await listWaiting(queue), ['c', 'd']);
  },

  'takes a job that was let in before however many wait, and gives it no slot at once': async ({ queue }) => {
    strictEqual(await queue.append('z', 'model'), 1);
    strictEqual(await queue.append('y', 'model'), 2);
    strictEqual(await queue.append('x', 'model'), 3);
    deepStrictEqual(await queue.claim(), ['z', 'y']);
    deepStrictEqual(await listWaiting(queue), ['x']);
  },

  'lets no new job pass one that waits': async ({ queue }) => {
    await queue.append('z', 'model');
    strictEqual(await queue.admit('a', 'model'), 2);
  },

  'gives each slot that is given back to the job that waits longest': async ({ queue }) => {
    await admitAll(queue, ['a', 'b', 'c', 'd']);
    await queue.remove('b');
    deepStrictEqual(await queue.claim(), ['c']);
    deepStrictEqual(await queue.claim(), []);
    await queue.remove('a');
    await queue.remove('c');
    deepStrictEqual(await queue.claim(), ['d']);
    deepStrictEqual(await listWaiting(queue), []);
    strictEqual(await queue.admit('e', 'model'), 0);
  },

  'puts claimed jobs back at the front, in order': async ({ queue }) => {
    for (const jobId of ['a', 'b', 'c']) await queue.append(jobId, 'model');
    await queue.putBack(await queue.claim());
    deepStrictEqual(await listWaiting(queue), ['a', 'b', 'c']);
    deepStrictEqual(await queue.claim(), ['a', 'b']);
  },

  'forgets a job that waits, and knows nothing of one that was never there': async ({ queue }) => {
    await admitAll(queue, ['a', 'b', 'c', 'd']);
    await queue.remove('c');
    await queue.remove('unknown');
    deepStrictEqual(await listWaiting(queue), ['d']);
    deepStrictEqual(await queue.claim(), []);
  },

  'keeps the jobs of one lane from waiting for those of another': async ({ queue }) => {
    await admitAll(queue, ['a', 'b', 'c']);
    strictEqual(await queue.admit('f', 'fit'), 0);
    strictEqual(await queue.append('g', 'fit'), 1);
    deepStrictEqual(await queue.waiting(), [
      { jobId: 'c', lane: 'model' },
      { jobId: 'g', lane: 'fit' },
    ]);
    deepStrictEqual(await queue.claim(), ['g']);
    await queue.remove('f');
    deepStrictEqual(await queue.claim(), []);
    await queue.remove('a');
    deepStrictEqual(await queue.claim(), ['c']);
  },

  'puts a job back into its own lane': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    await queue.append('f', 'fit');
    await queue.putBack(await queue.claim());
    deepStrictEqual(await queue.waiting(), [{ jobId: 'f', lane: 'fit' }]);
    deepStrictEqual(await queue.claim(), ['f']);
  },

  'lets a turn have a free slot at once, which no job gets until the turn ends': async ({ queue }) => {
    await queue.takeTurn('t', never);
    deepStrictEqual(await admitAll(queue, ['a', 'b']), [0, 1]);
    deepStrictEqual(await queue.claim(), []);
    await queue.endTurn('t');
    deepStrictEqual(await queue.claim(), ['b']);
  },

  'gives the next free slot to a turn that waits, before any job': async ({ queue }) => {
    await admitAll(queue, ['a', 'b', 'c']);
    const turn = queue.takeTurn('t', never);
    strictEqual(await isSettled(turn), false);
    await queue.remove('a');
    await turn;
    deepStrictEqual(await queue.claim(), []);
    await queue.endTurn('t');
    deepStrictEqual(await queue.claim(), ['c']);
  },

  'gives turns in the order they were asked for': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    const [first, second] = [queue.takeTurn('t', never), queue.takeTurn('u', never)];
    await queue.remove('a');
    await first;
    strictEqual(await isSettled(second), false);
    await queue.endTurn('t');
    await second;
  },

  'refuses a turn when as many wait as may': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    const waiting = [queue.takeTurn('t', never), queue.takeTurn('u', never)];
    await rejects(queue.takeTurn('v', never), { reason: 'OVERLOADED' });
    await queue.remove('a');
    await queue.remove('b');
    await Promise.all(waiting);
  },

  'gives up a turn whose signal fires, and passes it over': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    const [controller, reason] = [new AbortController(), new Error('the caller left')];
    const [left, next] = [queue.takeTurn('t', controller.signal), queue.takeTurn('u', never)];
    controller.abort(reason);
    await rejects(left, reason);
    await rejects(queue.takeTurn('v', AbortSignal.abort(reason)), reason);
    await queue.remove('a');
    await next;
    strictEqual(await queue.admit('c', 'model'), 1);
  },
};
