import { expect, it, vi } from 'vitest';
import { toWork } from '../../../src/server/kinds/job-context.js';
import { JobKind, type JobEvent } from '../../../src/gen/prunecast/v1/job.js';
import { recordsIn, useDatabase } from '../../support/test-database.js';
import { evaluation, type Run } from './scripted-jobs.js';
import { startOwner } from './scripted-owner.js';

const HOUR_MS = 3_600_000;

const state = useDatabase();

it('a clock that goes back while a job runs, and again before the next server, costs no event, no order and no end', async () => {
  let nowMs = 10 * HOUR_MS;
  const clock = { now: () => nowMs };
  const work: Run = async ({ emit, signal }) => {
    await emit(evaluation(0));
    nowMs -= HOUR_MS;
    await emit(evaluation(1));
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  };
  const first = await startOwner(state, 'first', work, { clock });
  const { jobId } = await first.jobs.start({
    lane: 'model',
    kind: JobKind.EVALUATE,
    requestId: '',
    requestDigest: 'd',
    request: { bytes: Uint8Array.of(1), plan: {} },
    run: toWork(work),
  });
  const store = recordsIn(state.database).jobs;
  const readEvents = (): Promise<JobEvent[]> => store.eventsAfter(jobId, 0, 100);
  await vi.waitFor(async () =>
    expect((await readEvents()).filter(({ payload }) => payload?.$case === 'evaluation')).toHaveLength(2),
  );

  nowMs -= HOUR_MS;
  const second = await startOwner(
    state,
    'second',
    async ({ emit }) => {
      await emit(evaluation(2));
      return undefined;
    },
    { clock },
  );
  await vi.waitFor(async () => expect((await second.jobs.get(jobId)).state).toBe('succeeded'));

  const events = await readEvents();
  expect(events.map(({ sequence }) => Number(sequence))).toEqual(events.map((_, index) => index + 1));
  expect(events.flatMap(({ payload }) => (payload?.$case === 'evaluation' ? [payload.value.index] : []))).toEqual([
    0, 1, 2,
  ]);
  expect(events.at(-1)?.payload?.$case).toBe('ended');
});
