import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobState, StudyPhase, TrialRole, type StudyEvent } from '../../../src/client/index.js';
import { requireSamePlan } from '../../../src/server/requests/compare-plans.js';
import { LAST_PHASES } from '../../../src/search/study/plan.js';
import { smallSearch, startVerbServer, type VerbServer } from '../verbs/verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

const manifestOf = (output: string): string => verbs.path(`outputs/${output}/prunecast.json`);
const readManifest = async (output: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(manifestOf(output), 'utf8')) as Record<string, unknown>;
const writtenMs = async (output: string): Promise<number> =>
  (await stat(join(dirname(manifestOf(output)), 'model.safetensors'))).mtimeMs;

async function searchUntilPaused(output: string): Promise<{ readonly jobId: string; readonly seen: StudyEvent[] }> {
  const seen: StudyEvent[] = [];
  for await (const { jobId, payload } of verbs.client.search(
    smallSearch({ output, pauseBefore: [StudyPhase.CONTROLS] }),
  )) {
    if (payload?.$case === 'study') seen.push(payload.value);
    if (payload?.$case === 'paused') return { jobId, seen };
  }
  throw new Error('the study does not pause');
}

describe('the winner of a Search', () => {
  it('is told and written before any control is measured, as the report has it at the end', async () => {
    const { jobId, seen } = await searchUntilPaused('first');
    const [found] = seen.flatMap(({ event }) => (event?.$case === 'winner' ? [event.value] : []));
    expect(found?.output).toBe('first');
    const trials = seen.flatMap(({ event }) => (event?.$case === 'trial' ? [event.value] : []));
    expect(trials.some(({ role }) => role === TrialRole.CONTROL || role === TrialRole.WINNER)).toBe(false);
    const first = await readManifest('first');
    expect(first).toMatchObject({
      measurements: { verify: { metrics: found?.winner?.verifyMetrics } },
    });
    expect(first).not.toHaveProperty('report');
    const written = await writtenMs('first');

    await verbs.client.services.jobs.resumeJob({ jobId });
    let report;
    for await (const { payload } of verbs.client.followJob(jobId))
      if (payload?.$case === 'ended' && payload.value.result?.$case === 'search') report = payload.value.result.value;
    expect(report).toMatchObject({
      output: 'first',
      winner: { architecture: found?.winner?.architecture, verifyMetrics: found?.winner?.verifyMetrics },
    });
    expect(found?.winner?.metrics).toEqual({});
    // The controls are told beside it, and its weights stay as they were written.
    const { report: _, ...later } = await readManifest('first');
    expect(await writtenMs('first')).toBe(written);
    expect(later['kept_units']).toEqual(first['kept_units']);
  });

  it('stays where it was written when the job is cancelled among its controls', async () => {
    const { jobId } = await searchUntilPaused('cancelled');
    await verbs.client.services.jobs.cancelJob({ jobId });
    expect((await verbs.client.services.jobs.getJob({ jobId })).job?.state).toBe(JobState.CANCELLED);
    const { parameters } = await verbs.client.services.models.inspectModel({ model: 'cancelled' });
    expect(parameters).toBeGreaterThan(0n);
    expect(parameters).toBeLessThan(208_026n); // 20 % fewer than 260,032
  });
});

describe('a study of a version that wrote its winner last', () => {
  it('is refused by the name of what differs, not taken on with other steps', () => {
    const study = { rounds: 3 };
    expect(() =>
      requireSamePlan(
        { jobId: 'old', plan: { kind: 'search', study } },
        { kind: 'search', study, lastPhases: LAST_PHASES },
      ),
    ).toThrow('lastPhases has changed since the job old began: it was not there and is ["export","controls","report"]');
  });
});
