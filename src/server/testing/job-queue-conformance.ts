import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict';
import type { JobQueue, QueuedJob } from '../../core/ports/job-queue.js';
import { isSettled, listChecks, type ConformanceCheck } from './conformance.js';

export interface JobQueueUnderTest {
  /**
   * Empty, with two slots in each lane, and room for jobs that wait: four in all, three of a kind, two of a caller, with
   * requests of 1000 bytes together. As many turns may wait in all and of a caller.
   */
  readonly queue: JobQueue;
  close?(): Promise<void>;
}

/** The conformance kit of job queues, for any test runner. */
export function listJobQueueChecks(open: () => Promise<JobQueueUnderTest>): readonly ConformanceCheck[] {
  return listChecks(open, CHECKS);
}

const never = new AbortController().signal;

const jobOf = (jobId: string, changes: Partial<QueuedJob> = {}): QueuedJob => ({
  jobId,
  lane: 'model',
  kind: 'SEARCH',
  caller: 'first',
  bytes: 1,
  ...changes,
});

const turnOf = (turnId: string, caller = 'first') => ({ turnId, caller });

const isOverload = (error: { reason?: unknown; retryAfterMs?: unknown }): boolean =>
  error.reason === 'OVERLOADED' && typeof error.retryAfterMs === 'number';

const admitAll = async (queue: JobQueue, jobIds: readonly string[]): Promise<readonly number[]> => {
  const places: number[] = [];
  for (const jobId of jobIds) places.push(await queue.admit(jobOf(jobId)));
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
    await rejects(queue.admit(jobOf('e')), isOverload);
    deepStrictEqual(await listWaiting(queue), ['c', 'd']);
  },

  'takes a job that was let in before however many wait, and gives it no slot at once': async ({ queue }) => {
    strictEqual(await queue.append(jobOf('z')), 1);
    strictEqual(await queue.append(jobOf('y')), 2);
    strictEqual(await queue.append(jobOf('x')), 3);
    deepStrictEqual(await queue.claim(), ['z', 'y']);
    deepStrictEqual(await listWaiting(queue), ['x']);
  },

  'refuses a new job when as many of its kind or its caller wait as may, and lets in another': async ({ queue }) => {
    await admitAll(queue, ['a', 'b', 'c', 'd']);
    strictEqual(await queue.admit(jobOf('e', { caller: 'second' })), 2);
    await rejects(queue.admit(jobOf('f', { caller: 'third' })), isOverload);
    strictEqual(await queue.admit(jobOf('g', { caller: 'third', kind: 'PRUNE' })), 3);
    await rejects(queue.admit(jobOf('h', { caller: 'fourth', kind: 'EVALUATE' })), isOverload);
    await queue.remove('d');
    await rejects(queue.admit(jobOf('i', { caller: 'second', bytes: 998 })), isOverload);
    strictEqual(await queue.admit(jobOf('i', { caller: 'second', bytes: 997 })), 4);
  },

  'lets callers take turns, each with its own jobs in the order they came': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    for (const jobId of ['c', 'd', 'e']) await queue.append(jobOf(jobId));
    strictEqual(await queue.append(jobOf('x', { caller: 'second' })), 2);
    await queue.append(jobOf('y', { caller: 'second' }));
    strictEqual(await queue.append(jobOf('z', { caller: 'third' })), 3);
    deepStrictEqual(await listWaiting(queue), ['c', 'x', 'z', 'd', 'y', 'e']);
    await queue.remove('a');
    deepStrictEqual(await queue.claim(), ['c']);
    // Who comes later is not owed what was given before.
    strictEqual(await queue.append(jobOf('w', { caller: 'fourth' })), 5);
    deepStrictEqual(await listWaiting(queue), ['x', 'z', 'd', 'y', 'w', 'e']);
    await queue.putBack(['c']);
    deepStrictEqual(await listWaiting(queue), ['c', 'x', 'z', 'd', 'y', 'w', 'e']);
  },

  'lets callers take turns with slots for work that is no job': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    const order: string[] = [];
    const turns = [turnOf('t'), turnOf('u'), turnOf('v', 'second')].map(async (turn) => {
      await queue.takeTurn(turn, never);
      order.push(turn.turnId);
      await queue.endTurn(turn.turnId);
    });
    await rejects(queue.takeTurn(turnOf('w'), never), isOverload);
    await queue.remove('a');
    await Promise.all(turns);
    deepStrictEqual(order, ['t', 'v', 'u']);
  },

  'lets no new job pass one that waits': async ({ queue }) => {
    await queue.append(jobOf('z'));
    strictEqual(await queue.admit(jobOf('a')), 2);
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
    strictEqual(await queue.admit(jobOf('e')), 0);
  },

  'puts claimed jobs back at the front, in order': async ({ queue }) => {
    for (const jobId of ['a', 'b', 'c']) await queue.append(jobOf(jobId));
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
    strictEqual(await queue.admit(jobOf('f', { lane: 'fit' })), 0);
    strictEqual(await queue.append(jobOf('g', { lane: 'fit' })), 1);
    deepStrictEqual(await queue.waiting(), [jobOf('c'), jobOf('g', { lane: 'fit' })]);
    deepStrictEqual(await queue.claim(), ['g']);
    await queue.remove('f');
    deepStrictEqual(await queue.claim(), []);
    await queue.remove('a');
    deepStrictEqual(await queue.claim(), ['c']);
  },

  'puts a job back into its own lane': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    await queue.append(jobOf('f', { lane: 'fit' }));
    await queue.putBack(await queue.claim());
    deepStrictEqual(await queue.waiting(), [jobOf('f', { lane: 'fit' })]);
    deepStrictEqual(await queue.claim(), ['f']);
  },

  'lets a turn have a free slot at once, which no job gets until the turn ends': async ({ queue }) => {
    await queue.takeTurn(turnOf('t'), never);
    deepStrictEqual(await admitAll(queue, ['a', 'b']), [0, 1]);
    deepStrictEqual(await queue.claim(), []);
    await queue.endTurn('t');
    deepStrictEqual(await queue.claim(), ['b']);
  },

  'gives the next free slot to a turn that waits, before any job': async ({ queue }) => {
    await admitAll(queue, ['a', 'b', 'c']);
    const turn = queue.takeTurn(turnOf('t'), never);
    strictEqual(await isSettled(turn), false);
    await queue.remove('a');
    await turn;
    deepStrictEqual(await queue.claim(), []);
    await queue.endTurn('t');
    deepStrictEqual(await queue.claim(), ['c']);
  },

  'gives turns in the order they were asked for': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    const [first, second] = [queue.takeTurn(turnOf('t'), never), queue.takeTurn(turnOf('u'), never)];
    await queue.remove('a');
    await first;
    strictEqual(await isSettled(second), false);
    await queue.endTurn('t');
    await second;
  },

  'refuses a turn when as many wait as may': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    const waiting = [queue.takeTurn(turnOf('t'), never), queue.takeTurn(turnOf('u'), never)];
    await rejects(queue.takeTurn(turnOf('v'), never), { reason: 'OVERLOADED' });
    await queue.remove('a');
    await queue.remove('b');
    await Promise.all(waiting);
  },

  'gives up a turn whose signal fires, and passes it over': async ({ queue }) => {
    await admitAll(queue, ['a', 'b']);
    const [controller, reason] = [new AbortController(), new Error('the caller left')];
    const [left, next] = [queue.takeTurn(turnOf('t'), controller.signal), queue.takeTurn(turnOf('u'), never)];
    controller.abort(reason);
    await rejects(left, reason);
    await rejects(queue.takeTurn(turnOf('v'), AbortSignal.abort(reason)), reason);
    await queue.remove('a');
    await next;
    strictEqual(await queue.admit(jobOf('c')), 1);
  },
};
