import { expect, it } from 'vitest';
import { JobKind } from '../../../src/gen/prunecast/v1/job.js';
import { decodeEvent } from '../../../src/server/records/job-records.js';
import { toWork } from '../../../src/server/kinds/job-context.js';
import { recordsIn, useDatabase } from '../../support/test-database.js';
import type { Run } from './scripted-jobs.js';
import { startOwner, type Owner } from './scripted-owner.js';

const state = useDatabase();

const hang: Run = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

async function startJob({ jobs }: Owner, caller: string): Promise<string> {
  const { jobId } = await jobs.start({
    lane: 'model',
    kind: JobKind.EVALUATE,
    requestId: '',
    requestDigest: 'd',
    caller,
    request: { bytes: Uint8Array.of(1), plan: {} },
    run: toWork(hang),
  });
  return jobId;
}

it('a job of another caller waits for one job of a caller who has many, and after a restart of the server too', async () => {
  const first = await startOwner(state, 'first', hang);
  const many: string[] = [];
  for (let count = 0; count < 4; count++) many.push(await startJob(first, 'many'));
  const one = await startJob(first, 'one');
  const places = async (owner: Owner) =>
    Promise.all([...many, one].map(async (jobId) => (await owner.jobs.get(jobId)).queuePlace));
  // The jobs that it has overtaken are told so.
  expect(await places(first)).toEqual([0, 1, 3, 4, 2]);
  const events = await recordsIn(state.database).store.jobs.eventsAfter(many[2] ?? '', 0, 10);
  expect(events.map((event) => decodeEvent('j', event).payload)).toMatchObject([
    { $case: 'queued', value: { place: 2 } },
    { $case: 'queued', value: { place: 3 } },
  ]);
  await first.stop();
  const second = await startOwner(state, 'second', hang);
  const order = second.runs.map(({ jobId }) => jobId);
  for (let left = many.length; left > 0; left--) {
    await second.jobs.cancel(order.at(-1) ?? '');
    await expect.poll(() => second.runs.length).toBe(order.length + 1);
    order.push(second.runs.at(-1)?.jobId ?? '');
  }
  expect(order).toEqual([many[0], one, many[1], many[2], many[3]]);
});
